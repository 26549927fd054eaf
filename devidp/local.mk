# Files of devidp/.
