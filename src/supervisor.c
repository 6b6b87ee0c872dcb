#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/exit.h"
#include "listeners.h"
#include "notify.h"
#include "server.h"
#include "store/store.h"

enum { LOCK_PATIENCE_MS = 5000, YOUNG_MS = 10000, LONGEST_PAUSE_S = 60 };
static const size_t config_arena_octets = 4 * LIMIT_CONFIG_FILE + 4 * LIMIT_CERTIFICATES;

/* Who the server becomes. */
struct identity {
	char name[64];
	uid_t uid;
	gid_t gid;
	bool change; /* we are root and it is somebody else */
};

struct supervisor {
	str config_path;
	struct arena config_arena;
	const struct config *config;      /* in config_arena */
	const struct config *bound;       /* the one the listeners point into: the first */
	struct certificates certificates; /* of config; in the same arena, their keys wiped with it */
	struct arena first_arena;
	struct identity identity;
	struct listeners listeners;
	int lock, signals;
	/* the server process */
	pid_t pid; /* 0: none */
	int lifeline, channel;
	int64_t started_tick_ms, restart_tick_ms; /* restart 0: not waiting */
	unsigned young_deaths;
	bool was_ready, stopping;
	int exit_code; /* -1: go on */
};

static void fail(err e) { log_event(EV_COMMAND_FAILED, LOG_Z("what", e.what ? e.what : "failed")); }

/* --- before the first start --- */

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static err find_identity(struct arena *arena, str user, struct identity *out)
{
	*out = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (user.len == 0)
		return OK;
	char *name = arena_z(arena, user);
	const struct passwd *entry = name ? getpwnam(name) : NULL;
	if (!entry || user.len >= sizeof out->name)
		return err_new(arena, ERR_SYNTAX,
		               "user: there is no user \"" STR_FMT "\" on this machine; make one "
		               "(adduser --system " STR_FMT ") or change the key",
		               STR_ARG(user), STR_ARG(user));
	if (geteuid() != 0 && geteuid() != entry->pw_uid)
		return err_new(arena, ERR_DENIED,
		               "the configuration says user = \"" STR_FMT
		               "\"; start postrider as root or as that user",
		               STR_ARG(user));
	memcpy(out->name, name, user.len + 1);
	out->uid = entry->pw_uid;
	out->gid = entry->pw_gid;
	out->change = geteuid() == 0 && entry->pw_uid != 0;
	return OK;
}

static err become(const struct identity *who)
{
	if (!who->change)
		return OK;
	if (initgroups(who->name, who->gid) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
	    setresuid(who->uid, who->uid, who->uid) != 0)
		return (err){ ERR_DENIED, 0, "becoming the configured user failed" };
	return OK;
}

/* The data directory and the lock in it belong to the server's user, so that its commands can use them. */
static err take_data_dir(struct supervisor *s, struct arena *arena)
{
	char *path = arena_z(arena, s->config->data_dir);

	if (!path)
		return ERR_NO_MEMORY;
	TRY(store_make_directory(arena, s->config->data_dir));
	if (s->identity.change && chown(path, s->identity.uid, s->identity.gid) != 0)
		return err_errno(arena, errno, "giving %s to the server's user", path);
	err e = store_lock(arena, s->config->data_dir, LOCK_PATIENCE_MS, &s->lock);
	if (e.code == ERR_BUSY)
		return err_new(arena, ERR_BUSY, "another postrider works on " STR_FMT "; stop it first",
		               STR_ARG(s->config->data_dir));
	TRY(e);
	if (s->identity.change && fchown(s->lock, s->identity.uid, s->identity.gid) != 0)
		return err_errno(arena, errno, "giving the lock to the server's user");
	return OK;
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- the server process --- */

/* The child: only the parent's words count; signals that a terminal or service manager sends to the whole
 * group would otherwise be heard twice. */
static int be_server(struct supervisor *s, int lifeline, int channel)
{
	sigset_t none;

	close(s->signals);
	sigemptyset(&none);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
	err e = become(&s->identity);
	if (e.code != ERR_OK) {
		fail(e);
		return (int)exit_code_of(e.code);
	}
	struct server_start start = { .config = s->config,
		                      .certificates = &s->certificates,
		                      .listeners = &s->listeners,
		                      .config_path = s->config_path,
		                      .lifeline = lifeline,
		                      .channel = channel };
	return server_run(&start);
}

static err start_server(struct supervisor *s)
{
	int lifeline[2], channel[2];

	if (pipe2(lifeline, O_CLOEXEC) != 0)
		return err_errno(NULL, errno, "making a pipe");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) {
		close(lifeline[0]);
		close(lifeline[1]);
		return err_errno(NULL, errno, "making a socket pair");
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(lifeline[1]);
		close(channel[0]);
		exit(be_server(s, lifeline[0], channel[1]));
	}
	close(lifeline[0]);
	close(channel[1]);
	if (pid < 0) {
		close(lifeline[1]);
		close(channel[0]);
		return err_errno(NULL, errno, "starting the server process");
	}
	s->pid = pid;
	s->lifeline = lifeline[1];
	s->channel = channel[0];
	s->started_tick_ms = clock_tick_ms();
	s->restart_tick_ms = 0;
	log_event(EV_SERVER_STARTED, LOG_INT("pid", pid));
	return OK;
}

/* At once for the first, then after 1, 2, 4 … s, as long as they die young. */
static int64_t pause_before_restart(struct supervisor *s)
{
	bool young = clock_tick_ms() - s->started_tick_ms < YOUNG_MS;
	unsigned deaths = s->young_deaths;

	s->young_deaths = young ? deaths + 1 : 0;
	if (!young || deaths == 0)
		return 0;
	return deaths > 6 ? LONGEST_PAUSE_S * 1000 : 1000ll << (deaths - 1);
}

static void server_ended(struct supervisor *s, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BUG;
	int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	close(s->lifeline);
	close(s->channel);
	s->pid = 0;
	s->lifeline = s->channel = FILE_NONE;
	/* One that never came up and says why is not asked again; one that was felled is: the message that
	 * did it is set aside by then. */
	if (s->stopping || (!s->was_ready && WIFEXITED(status))) {
		s->exit_code = s->stopping && signal_number ? EXIT_FINE : code;
		return;
	}
	int64_t pause_ms = pause_before_restart(s);
	if (signal_number)
		log_event(EV_SERVER_DIED, LOG_INT("signal", signal_number), LOG_MS("ms", pause_ms));
	else
		log_event(EV_SERVER_DIED, LOG_INT("exit", code), LOG_MS("ms", pause_ms));
	s->restart_tick_ms = clock_tick_ms() + pause_ms;
}

static void reap(struct supervisor *s)
{
	int status;

	if (s->pid && waitpid(s->pid, &status, WNOHANG) == s->pid)
		server_ended(s, status);
}

/* --- what is asked of us --- */

static void stop(struct supervisor *s)
{
	const char word = SERVER_DRAIN;

	if (s->stopping && s->pid) { /* asked twice: cut, which is always safe */
		kill(s->pid, SIGKILL);
		return;
	}
	s->stopping = true;
	notify_send("STOPPING=1");
	log_event(EV_SERVER_STOPPING);
	if (!s->pid)
		s->exit_code = EXIT_FINE;
	else if (send(s->channel, &word, 1, MSG_NOSIGNAL) != 1)
		kill(s->pid, SIGKILL);
}

/* Octets travel as unnamed files, since the server's user may not be allowed to read the owner's. */
static err put_aside(const char *name, str octets, file *out)
{
	AUTO(file) f = memfd_create(name, MFD_CLOEXEC);
	struct iovec part = { (void *)(uintptr_t)octets.ptr, octets.len };

	if (f < 0)
		return err_errno(NULL, errno, "handing over the configuration");
	TRY(file_write_at(f, &part, 1, 0));
	*out = file_take(&f);
	return OK;
}

static err send_config(int channel, str text, str certificates)
{
	AUTO(file) text_file = FILE_NONE;
	AUTO(file) certificates_file = FILE_NONE;
	char word = SERVER_RELOAD;
	struct iovec word_part = { &word, 1 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct msghdr message = { .msg_iov = &word_part,
		                  .msg_iovlen = 1,
		                  .msg_control = control,
		                  .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	TRY(put_aside("config", text, &text_file));
	TRY(put_aside("certificates", certificates, &certificates_file));
	const int attached[2] = { text_file, certificates_file };
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof attached);
	memcpy(CMSG_DATA(header), attached, sizeof attached);
	if (sendmsg(channel, &message, MSG_NOSIGNAL) < 0)
		return err_errno(NULL, errno, "handing over the configuration");
	return OK;
}

static err hand_over(struct supervisor *s, struct arena *arena, str text,
                     const struct certificates *certificates)
{
	struct buf octets;

	if (!s->pid)
		return OK; /* the next one is given them when it starts */
	buf_init(&octets, arena, 2 * LIMIT_CERTIFICATES);
	certificates_format(&octets, certificates);
	TRY(buf_err(&octets));
	err e = send_config(s->channel, text, buf_str(&octets));
	explicit_bzero(octets.ptr, octets.len);
	return e;
}

/* On failure what was read into *certificates is to be forgotten with the arena. */
static err load_anew(struct supervisor *s, struct arena *arena, struct certificates *certificates,
                     const struct config **out)
{
	struct config *new;
	struct buf keys;
	str text = { 0 };

	TRY(file_read_all(arena, s->config_path, LIMIT_CONFIG_FILE, &text));
	TRY(config_parse(arena, s->config_path, text, &new));
	buf_init(&keys, arena, LIMIT_ERROR_SENTENCE);
	config_restart_keys(&keys, s->config, new);
	if (keys.len)
		return err_new(arena, ERR_BUSY, "takes effect only after a restart: " STR_FMT,
		               STR_ARG(buf_str(&keys)));
	TRY(certificates_load(arena, new, certificates));
	TRY(hand_over(s, arena, text, certificates));
	*out = new;
	return OK;
}

/* All or nothing: what is refused leaves the former configuration and certificates as they were. */
static void reload(struct supervisor *s)
{
	struct certificates certificates = { 0 };
	struct arena arena;

	notify_reloading();
	arena_init(&arena, NULL, config_arena_octets);
	err e = load_anew(s, &arena, &certificates, &s->config);
	if (e.code == ERR_OK) {
		certificates_forget(&s->certificates);
		arena_reset(&s->config_arena);
		s->config_arena = arena;
		s->certificates = certificates;
		if (!s->pid) /* else the server says so, once it goes by it */
			log_event(EV_CONFIG_LOADED, LOG_STR("file", s->config_path));
	} else {
		log_event(EV_CONFIG_REFUSED, LOG_STR("file", s->config_path), LOG_Z("what", e.what));
		certificates_forget(&certificates);
		arena_reset(&arena);
	}
	notify_send("READY=1");
}

static void hear_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(s);
		else if (info.ssi_signo == SIGHUP && !s->stopping)
			reload(s);
	}
	reap(s);
}

static void hear_server(struct supervisor *s)
{
	char word;

	if (recv(s->channel, &word, 1, MSG_DONTWAIT) == 1 && word == SERVER_READY) {
		s->was_ready = true;
		notify_send("READY=1\nSTATUS=Taking mail");
	}
}

static int supervise(struct supervisor *s)
{
	while (s->exit_code < 0) {
		int64_t now = clock_tick_ms();

		if (!s->pid && now >= s->restart_tick_ms) {
			err e = start_server(s);
			if (e.code !=
			    ERR_OK) { /* no memory or descriptors for a process: they may come back */
				fail(e);
				s->restart_tick_ms = now + 1000;
			}
			continue;
		}
		struct pollfd waiting[] = { { .fd = s->signals, .events = POLLIN },
			                    { .fd = s->pid ? s->channel : FILE_NONE, .events = POLLIN } };
		(void)poll(waiting, 2, s->pid ? -1 : (int)(s->restart_tick_ms - now));
		if (waiting[1].revents & POLLIN)
			hear_server(s);
		if (waiting[1].revents & (POLLHUP | POLLERR)) /* it is ending; SIGCHLD tells the rest */
			(void)poll(waiting, 1, 1000);
		hear_signals(s);
	}
	return s->exit_code;
}

static err prepare(struct supervisor *s, struct command_line *line)
{
	struct config *config = NULL;

	TRY(command_config_path(line, &s->config_path));
	TRY(config_load(&s->first_arena, s->config_path, &config));
	TRY(certificates_load(&s->first_arena, config, &s->certificates));
	s->config = s->bound = config;
	raise_descriptor_limit();
	umask(077);
	TRY(find_identity(line->arena, config->user, &s->identity));
	TRY(take_data_dir(s, line->arena));
	TRY(listeners_bind(line->arena, config, s->identity.uid, &s->listeners));
	s->signals = catch_signals();
	return s->signals < 0 ? err_errno(line->arena, errno, "catching signals") : OK;
}

static int prepare_or_say(struct supervisor *s, struct command_line *line)
{
	err e = command_no_arguments(line);

	if (e.code == ERR_OK)
		e = prepare(s, line);
	if (e.code == ERR_OK)
		return EXIT_FINE;
	fail(e);
	if (line->usage)
		return EXIT_USAGE;
	return (int)(s->config ? exit_code_of(e.code) : EXIT_CONFIG);
}

static int serve(struct command_line *line)
{
	struct supervisor s = { .lock = FILE_NONE,
		                .signals = FILE_NONE,
		                .lifeline = FILE_NONE,
		                .channel = FILE_NONE,
		                .exit_code = -1 };

	arena_init(&s.first_arena, NULL, config_arena_octets);
	arena_init(&s.config_arena, NULL, config_arena_octets);
	int code = prepare_or_say(&s, line);
	if (code == EXIT_FINE) {
		log_event(EV_CONFIG_LOADED, LOG_STR("file", s.config_path));
		code = supervise(&s);
		listeners_unlink(line->arena, s.bound);
		log_event(EV_SERVER_STOPPED);
	}
	certificates_forget(&s.certificates);
	arena_reset(&s.config_arena);
	arena_reset(&s.first_arena);
	return code;
}

const struct command serve_command = {
	.name = "serve",
	.summary = "run the mail server in the foreground",
	.help = "Usage: postrider serve [-c FILE]\n"
		"\n"
		"Runs the mail server until it is told to stop. It writes one JSON object a line to "
		"standard\n"
		"error; the line with \"event\":\"ready\" says that mail is taken.\n"
		"\n"
		"  SIGTERM   stops: what is under way is finished first; a second one stops at once\n"
		"  SIGHUP    reads the configuration and certificates again, all of it or nothing\n"
		"\n"
		"A supervising process starts the server again should it ever die; kill -9 loses nothing "
		"that\n"
		"was acknowledged. Works with systemd's Type=notify and socket activation.\n",
	.run = serve,
};
