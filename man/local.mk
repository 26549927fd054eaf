# Files of man/.
dist_man_MANS += man/devidp.1
dist_man_MANS += man/emactl.1
dist_man_MANS += man/libemacore.3
