/* Runs a fuzz target over the corpus of its name where there is no fuzzer: each file is one test, and to come back is to pass it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	char folder[2048], path[4096];
	int count = 0, bad = 0, files = 0;
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			bad |= !replay_file(argv[i]);
		return bad;
	}
	const char *target = strstr(argv[0], "fuzz_");
	for (const char *next; target && (next = strstr(target + 1, "fuzz_"));)
		target = next;
	snprintf(folder, sizeof folder, CORPUS "/%s", target ? target + 5 : "");
	files = scandir(folder, &names, NULL, alphasort);
	for (int i = 0; i < files && i < REPLAY_FILES_MOST; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
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
