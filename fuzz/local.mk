# Files of fuzz/.
