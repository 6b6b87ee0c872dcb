#include "base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

/* A pipe holds 64 KB: what a dead program can have left. */
enum { PIPE_READ = 4096, PIPE_READS = 16 };

/* A program under way, and our ends of its pipes. */
struct child {
	pid_t pid;
	file exited; /* readable when it has */
	file output, errors;
	struct buf printed, said;
	char said_octets[LIMIT_COMMAND_SAID];
};

static err pipe_open(struct arena *arena, file *read_end, file *write_end)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(arena, errno, "starting the command");
	*read_end = ends[0];
	*write_end = ends[1];
	/* Ours only: a program does not expect a standard output that never blocks. */
	if (fcntl(*read_end, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(arena, errno, "starting the command");
	return OK;
}

/* Its own group, so that all of it can be killed; our loops ignore SIGPIPE and take no signals. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
	                                                          POSIX_SPAWN_SETSIGDEF);
	if (!failed)
		failed = posix_spawnattr_setsigmask(attributes, &none);
	return failed ? failed : posix_spawnattr_setsigdefault(attributes, &all);
}

static int set_descriptors(posix_spawn_file_actions_t *actions, file output, file errors)
{
	int failed = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	if (!failed)
		failed = posix_spawn_file_actions_adddup2(actions, output, 1);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(actions, errors, 2);
	if (!failed)
		failed = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	return failed ? failed : posix_spawn_file_actions_addchdir_np(actions, "/");
}

/* errno's number; 0: *pid is it. */
static int spawn(char *command, file output, file errors, pid_t *pid)
{
	char sh[] = "sh", option[] = "-c",
	     path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char lang[] = "LANG=C.UTF-8", home[LIMIT_PATH_NAME + 8] = "HOME=/";
	char *arguments[] = { sh, option, command, NULL }, *environment[] = { path, lang, home, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	const char *ours = getenv("HOME");

	if (ours && strlen(ours) <= LIMIT_PATH_NAME)
		snprintf(home, sizeof home, "HOME=%s", ours);
	int failed = posix_spawn_file_actions_init(&actions);
	if (failed)
		return failed;
	failed = posix_spawnattr_init(&attributes);
	if (!failed) {
		failed = set_attributes(&attributes);
		if (!failed)
			failed = set_descriptors(&actions, output, errors);
		if (!failed)
			failed = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static err start(struct child *child, struct arena *arena, char *command)
{
	AUTO(file) output = FILE_NONE, errors = FILE_NONE;

	TRY(pipe_open(arena, &child->output, &output));
	TRY(pipe_open(arena, &child->errors, &errors));
	if (output <= 2 || errors <= 2) /* one would be put over the other */
		return (err){ ERR_IO, EBADF, "starting the command: our standard descriptors are closed" };
	int failed = spawn(command, output, errors, &child->pid);
	return failed ? err_errno(arena, failed, "starting the command") : OK;
}

static err watch(struct child *child, struct arena *arena)
{
	child->exited = pidfd_open(child->pid, 0);
	return child->exited < 0 ? err_errno(arena, errno, "watching the command") : OK;
}

/* One read; false: nothing more now, or ever. What `b` has no room for is an error in it, unless it is `cut`.
 */
static bool take(file *from, struct buf *b, bool cut)
{
	char octets[PIPE_READ];

	if (*from == FILE_NONE)
		return false;
	ssize_t n = read(*from, octets, sizeof octets);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		file_close(from);
		return false;
	}
	size_t fits = cut && (size_t)n > b->max - b->len ? b->max - b->len : (size_t)n;
	buf_add(b, (str){ octets, fits });
	return true;
}

/* Until it has ended. */
static err attend(struct child *child, int64_t until_tick_ms)
{
	for (;;) {
		struct pollfd waiting[] = { { .fd = child->exited, .events = POLLIN },
			                    { .fd = child->output, .events = POLLIN },
			                    { .fd = child->errors, .events = POLLIN } };
		int64_t left_ms = until_tick_ms - clock_tick_ms();

		if (left_ms <= 0)
			return (err){ ERR_TIMEOUT, 0, "the command took too long" };
		if (poll(waiting, 3, (int)left_ms) < 0)
			continue; /* EINTR; without memory the time runs out */
		if (waiting[1].revents)
			(void)take(&child->output, &child->printed, false);
		if (waiting[2].revents)
			(void)take(&child->errors, &child->said, true);
		if (child->printed.failed != ERR_OK || waiting[0].revents)
			return OK;
	}
}

/* Kills what is left of it, takes what it left in the pipes, and its status. The group's number stays its own
 * until then. */
static int finish(struct child *child)
{
	int status = 0;

	(void)kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	for (int i = 0; i < PIPE_READS && take(&child->output, &child->printed, false); i++)
		;
	for (int i = 0; i < PIPE_READS && take(&child->errors, &child->said, true); i++)
		;
	return status;
}

/* What it said on standard error, as one line. */
static str complaint(struct child *child)
{
	for (size_t i = 0; i < child->said.len; i++)
		if ((unsigned char)child->said.ptr[i] < 0x20 || child->said.ptr[i] == 0x7f)
			child->said.ptr[i] = ' ';
	return str_trim(buf_str(&child->said));
}

static err judge(struct arena *arena, struct child *child, int status, str *out)
{
	str said = complaint(child), colon = said.len ? STR(": ") : STR("");

	if (child->printed.failed == ERR_LIMIT)
		return (err){ ERR_LIMIT, 0, "the command printed too much" };
	TRY(buf_err(&child->printed));
	if (WIFSIGNALED(status))
		return err_new(arena, ERR_DENIED, "the command was ended by signal %d" STR_FMT STR_FMT,
		               WTERMSIG(status), STR_ARG(colon), STR_ARG(said));
	if (WEXITSTATUS(status) != 0)
		return err_new(arena, ERR_DENIED, "the command ended with status %d" STR_FMT STR_FMT,
		               WEXITSTATUS(status), STR_ARG(colon), STR_ARG(said));
	str printed = str_trim(buf_str(&child->printed));
	if (printed.len == 0)
		return err_new(arena, ERR_MISSING, "the command printed nothing" STR_FMT STR_FMT,
		               STR_ARG(colon), STR_ARG(said));
	*out = printed;
	return OK;
}

static err run(struct child *child, struct arena *arena, char *command, int64_t until_tick_ms, str *out)
{
	TRY(start(child, arena, command));
	err e = watch(child, arena);
	if (e.code == ERR_OK)
		e = attend(child, until_tick_ms);
	int status = finish(child);
	return e.code == ERR_OK ? judge(arena, child, status, out) : e;
}

err command_output(struct arena *arena, str command, int64_t timeout_ms, size_t max_octets, str *out)
{
	struct child child = { .exited = FILE_NONE, .output = FILE_NONE, .errors = FILE_NONE };
	int64_t until_tick_ms = clock_tick_ms() + timeout_ms;
	char *line = arena_z(arena, command);

	if (!line)
		return ERR_NO_MEMORY;
	buf_init(&child.printed, arena, max_octets);
	buf_init_fixed(&child.said, child.said_octets, sizeof child.said_octets);
	err e = run(&child, arena, line, until_tick_ms, out);
	file_close(&child.exited);
	file_close(&child.output);
	file_close(&child.errors);
	return e;
}
