/* Runs a fuzz target over its corpus where there is no libFuzzer: each file is one test, and to come back is to pass it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLAY_BYTES_MOST (1024 * 1024)
#define REPLAY_FILES_MOST 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *room = malloc(REPLAY_BYTES_MOST), *data = NULL;
	int good = 0;
	if (file && room) {
		size_t size = fread(room, 1, REPLAY_BYTES_MOST, file);
		/* exactly as long as it is, so that a sanitizer sees a read past its end */
		data = realloc(room, size ? size : 1);
		if (data) {
			room = data;
			good = !ferror(file) && LLVMFuzzerTestOneInput(data, size) == 0;
		}
	}
	free(room);
	if (file)
		fclose(file);
	return good;
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int count = 0, bad = 0, files = 0;
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			bad |= !replay_file(argv[i]);
		return bad;
	}
	files = scandir(CORPUS, &names, NULL, alphasort);
	for (int i = 0; i < files && i < REPLAY_FILES_MOST; i++) {
		char path[4096];
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", CORPUS, names[i]->d_name);
			int good = replay_file(path);
			bad |= !good;
			printf("%sok %d - %s\n", good ? "" : "not ", ++count, names[i]->d_name);
		}
	}
	for (int i = 0; i < files; i++)
		free(names[i]);
	free(names);
	printf("1..%d\n", count);
	return bad || !count;
}
