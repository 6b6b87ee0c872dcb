#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/version.h"

static const char *const standard_paths[] = { "postrider.toml", "/etc/postrider/postrider.toml" };

/* --- speaking --- */

int command_fail_with(const struct command_line *line, enum exit_code code, err e)
{
	const char *what = e.what ? e.what : "failed";

	(void)fflush(stdout);
	if (line->json) {
		json_t *object = json_pack("{s:s, s:s, s:i}", "error",
		                           code == EXIT_USAGE ? "usage" : err_code_name(e.code), "what", what,
		                           "exit", (int)code);
		json_dumpf(object, stderr, JSON_COMPACT);
		(void)fputc('\n', stderr);
		json_decref(object);
		return (int)code;
	}
	fprintf(stderr, "postrider%s%s: %s\n", line->command ? " " : "",
	        line->command ? line->command->name : "", what);
	if (code == EXIT_USAGE && line->command)
		fprintf(stderr, "See: postrider %s --help\n", line->command->name);
	return (int)code;
}

int command_fail(const struct command_line *line, err e)
{
	if (line->usage)
		return command_fail_with(line, EXIT_USAGE, e);
	return command_fail_with(line, line->exit ? line->exit : exit_code_of(e.code), e);
}

void command_warn(const struct command_line *line, const char *sentence)
{
	if (!line->json) {
		fprintf(stderr, "warning: %s\n", sentence);
		return;
	}
	json_t *object = json_pack("{s:s}", "warning", sentence);
	json_dumpf(object, stderr, JSON_COMPACT);
	(void)fputc('\n', stderr);
	json_decref(object);
}

void command_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	(void)putchar('\n');
}

void command_say(const struct command_line *line, const char *format, ...)
{
	va_list args;

	if (line->json)
		return;
	va_start(args, format);
	(void)vprintf(format, args); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(args);
}

int command_done(const struct command_line *line)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_FINE;
	return command_fail_with(line, EXIT_IO, err_errno(line->arena, errno, "writing the answer"));
}

/* --- the line --- */

err command_usage(struct command_line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err e = err_new_list(line->arena, ERR_SYNTAX, format, args);
	va_end(args);
	line->usage = true;
	return e;
}

err command_no_arguments(struct command_line *line)
{
	return line->count == 0 ? OK : command_usage(line, "unexpected argument \"%s\"", line->words[0]);
}

err command_config_path(struct command_line *line, str *out)
{
	const char *path = line->config_path ? line->config_path : getenv("POSTRIDER_CONFIG");
	char *whole;

	/* A program that calls sendmail may stand in any folder, one that strangers write to too. */
	size_t first = line->by_other_name ? 1 : 0;
	for (size_t i = first; !path && i < sizeof standard_paths / sizeof standard_paths[0]; i++)
		if (access(standard_paths[i], F_OK) == 0)
			path = standard_paths[i];
	if (!path)
		return (err){ ERR_MISSING, 0,
			      "no configuration: neither -c FILE, $POSTRIDER_CONFIG, ./postrider.toml nor "
			      "/etc/postrider/postrider.toml; postrider init makes one" };
	whole = realpath(path, NULL);
	if (!whole)
		return err_errno(line->arena, errno, "configuration %s", path);
	err e = arena_copy(line->arena, str_of(whole), out);
	free(whole);
	return e;
}

/* Takes -c FILE, --json and --help out of argv; false where -c has no file. */
static bool take_common(struct command_line *line, char **argv, int argc, bool *help)
{
	bool all_words = false;

	for (int i = 1; i < argc; i++) {
		if (!all_words && strcmp(argv[i], "-c") == 0) {
			if (++i == argc)
				return false;
			line->config_path = argv[i];
		} else if (!all_words && strcmp(argv[i], "--json") == 0) {
			line->json = true;
		} else if (!all_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			*help = true;
		} else {
			all_words = all_words || strcmp(argv[i], "--") == 0;
			line->words[line->count++] = argv[i];
		}
	}
	return true;
}

static void print_overview(const struct command *const *commands, size_t count)
{
	puts("postrider: the mail server of a business.\n\nUsage: postrider COMMAND [-c FILE] [--json]\n");
	for (size_t i = 0; i < count; i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	puts("\nBegin with:  postrider init DIR --hostname mail.shop.example\n"
	     "Each command explains itself:  postrider COMMAND --help\n"
	     "\n"
	     "  -c FILE    the configuration; otherwise $POSTRIDER_CONFIG, ./postrider.toml,\n"
	     "             /etc/postrider/postrider.toml\n"
	     "  --json     answers and errors for programs, as JSON\n"
	     "  --version  which postrider this is");
}

static int run(const struct command *const *commands, size_t count, struct command_line *line, bool help)
{
	if (line->count == 0 || strcmp(line->words[0], "help") == 0) {
		print_overview(commands, count);
		return line->count == 0 && !help ? EXIT_USAGE : command_done(line);
	}
	if (strcmp(line->words[0], "--version") == 0) {
		puts("postrider " POSTRIDER_VERSION);
		return command_done(line);
	}
	for (size_t i = 0; i < count; i++)
		if (strcmp(line->words[0], commands[i]->name) == 0) {
			line->command = commands[i];
			line->words++;
			line->count--;
			if (!help)
				return commands[i]->run(line);
			(void)fputs(commands[i]->help, stdout);
			return command_done(line);
		}
	return command_fail(
		line, command_usage(line, "no command \"%s\"; postrider --help lists them", line->words[0]));
}

/* The command that the program's own name stands for, or NULL. */
static const struct command *find_called_as(const struct command *const *commands, size_t count,
                                            const char *name)
{
	const char *slash = strrchr(name, '/');

	for (size_t i = 0; i < count; i++)
		if (commands[i]->called_as && strcmp(commands[i]->called_as, slash ? slash + 1 : name) == 0)
			return commands[i];
	return NULL;
}

int command_main(const struct command *const *commands, size_t count, int argc, char **argv)
{
	struct arena arena;
	struct command_line line = { .arena = &arena };
	bool help = false;
	int code;

	arena_init(&arena, NULL, LIMIT_COMMAND_MEMORY);
	char **words = line.words = arena_new(&arena, char *, (size_t)argc + 1);
	if (!words)
		return EXIT_IO;
	line.command = argc > 0 ? find_called_as(commands, count, argv[0]) : NULL;
	if (line.command) {
		line.by_other_name = true;
		line.count = (size_t)argc - 1;
		memcpy(words, argv + 1, line.count * sizeof *words);
		code = line.command->run(&line);
	} else if (!take_common(&line, argv, argc, &help))
		code = command_fail(&line, command_usage(&line, "-c needs a file"));
	else
		code = run(commands, count, &line, help);
	arena_reset(&arena);
	return code;
}
