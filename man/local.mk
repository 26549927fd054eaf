# Files of man/.
dist_man_MANS += man/devidp.1
dist_man_MANS += man/ema-plugin.7
dist_man_MANS += man/emactl.1
dist_man_MANS += man/emad.8
dist_man_MANS += man/libemacore.3
dist_man_MANS += man/ema-azure_ad.7 man/ema-file.7 man/ema-oidc.7 man/ema-okta_xaa.7
dist_man_MANS += man/ema.conf.5
dist_man_MANS += man/ema-audit.7
dist_man_MANS += man/ema-lmdb.7
dist_man_MANS += man/ema-policy.7
dist_man_MANS += man/ema-redis.7
dist_man_MANS += man/ema-syslog.7
