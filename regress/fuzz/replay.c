/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzz target where there is no libFuzzer: runs the target over
 * the files, and the files in the directories, that are named. Prints TAP.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define INPUT_MAX (1024 * 1024)
#define BEND_SECONDS 10 /* then only the inputs as they are */

static unsigned long ninputs;
static time_t began;

static void
replay_bytes(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1); /* exact, for ASan */

	if (copy == NULL)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	ninputs++;
}

static int
replay_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	size_t len, n;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	/* the input, and what is left of it when it was cut or bent */
	replay_bytes(data, len);
	if (time(NULL) - began > BEND_SECONDS)
		return 0;
	for (n = 0; n < len && n < 256; n++)
		replay_bytes(data, n);
	for (n = 0; n < len && n < 256; n++) {
		data[n] ^= (uint8_t)(1U << n % 8);
		replay_bytes(data, len);
		data[n] ^= (uint8_t)(1U << n % 8);
	}
	return 0;
}

static int
replay_dir(const char *path)
{
	char name[4096];
	struct dirent *e;
	DIR *d = opendir(path);
	int r = 0;

	if (d == NULL) {
		perror(path);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (replay_file(name) == -1)
			r = -1;
	}
	closedir(d);
	return r;
}

int
main(int argc, char **argv)
{
	struct stat st;
	int i, r = 0;

	began = time(NULL);
	replay_bytes((const uint8_t *)"", 0);
	for (i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == -1) {
			perror(argv[i]);
			r = -1;
		} else if ((S_ISDIR(st.st_mode) ? replay_dir(argv[i]) :
						  replay_file(argv[i])) == -1)
			r = -1;
	}
	printf("%s 1 - %lu inputs\n1..1\n", r == 0 ? "ok" : "not ok", ninputs);
	return r == 0 ? 0 : 1;
}
