/* Has its entry in what it depends on. */
int no_entry(void);
extern const void *ema_plugin_entry(const void *host);

__attribute__((visibility("default"))) int no_entry(void)
{
	return ema_plugin_entry(0) != 0;
}
