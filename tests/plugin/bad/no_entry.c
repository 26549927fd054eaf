/* A shared object that is no plugin. */
int no_entry(void);

__attribute__((visibility("default"))) int no_entry(void)
{
	return 42;
}
