# Files of man/.
dist_man_MANS += man/devidp.1
