/* Feeds each file of a corpus directory once to a fuzz target, so that its seeds are checked without clang.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

enum { SEED_MAX = 4 * LIMIT_MB };

/* A copy of exactly its size: a read past its end is one past the heap block, which ASan sees. */
static int replay(struct arena *arena, str path)
{
	str seed;
	err e = file_read_all(arena, path, SEED_MAX, &seed);

	if (e.code != ERR_OK) {
		fprintf(stderr, "%s\n", e.what);
		return -1;
	}
	uint8_t *copy = malloc(seed.len ? seed.len : 1);
	if (!copy)
		return -1;
	memcpy(copy, seed.ptr, seed.len);
	LLVMFuzzerTestOneInput(copy, seed.len);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *corpus = argc == 2 ? opendir(argv[1]) : NULL;
	struct arena arena;
	unsigned count = 0, failed = 0;

	if (!corpus) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 64;
	}
	for (struct dirent *entry; (entry = readdir(corpus));) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
		arena_init(&arena, NULL, 2 * SEED_MAX);
		failed += replay(&arena, str_of(path)) != 0;
		arena_reset(&arena);
		count++;
	}
	closedir(corpus);
	printf("%u seeds\n", count);
	return count && !failed ? 0 : 1;
}
