# Files of emactl/.
