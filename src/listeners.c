#include "listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "net/listen.h"

enum { FIRST_PASSED_FD = 3 };

/* What LISTEN_FDS brought; taken[i] is set once a listener has it. */
struct passed {
	unsigned count;
	bool taken[LIMIT_LISTENERS];
};

static struct passed find_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	struct passed p = { 0 };
	uint64_t n;

	if (!pid || !fds || !str_to_u64(str_of(pid), UINT32_MAX, &n) || n != (uint64_t)getpid())
		return p;
	if (str_to_u64(str_of(fds), LIMIT_LISTENERS, &n))
		p.count = (unsigned)n;
	return p;
}

static bool is_bound_to(int fd, const struct config_listener *listener)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t size = sizeof sa;
	uint16_t port;
	ip address;

	if (getsockname(fd, (struct sockaddr *)&sa, &size) != 0)
		return false;
	if (sa.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const struct sockaddr_un *)&sa;
		return listener->path.len && str_eq(listener->path, str_of(un->sun_path));
	}
	return listener->path.len == 0 &&
	       ip_of_sockaddr((const struct sockaddr *)&sa, &address, &port).code == ERR_OK &&
	       port == listener->port && ip_eq(address, listener->address);
}

static bool take_passed(struct passed *p, const struct config_listener *listener, int *fd)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!p->taken[i] && is_bound_to(FIRST_PASSED_FD + (int)i, listener)) {
			p->taken[i] = true;
			*fd = FIRST_PASSED_FD + (int)i;
			(void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
			(void)fcntl(*fd, F_SETFL, O_NONBLOCK);
			return true;
		}
	return false;
}

static err bind_one(struct arena *arena, enum config_protocol protocol,
                    const struct config_listener *listener, struct passed *passed, int *fd)
{
	if (take_passed(passed, listener, fd))
		return OK;
	err e = listener->path.len ? listen_bind_unix(arena, listener->path, 0666, fd)
	                           : listen_bind_ip(arena, listener->address, listener->port, fd);
	return e.code == ERR_OK ? OK : err_wrap(arena, e, "listen.%s", config_protocol_name(protocol));
}

/* Bound through a descriptor of its folder, since sun_path holds 107 octets only. */
static err bind_local(struct arena *arena, int directory, const char *name, unsigned mode, unsigned owner,
                      int *fd)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
	err e = listen_bind_unix(arena, str_of(path), mode, fd);
	if (e.code != ERR_OK)
		return err_wrap(arena, e, "%s", name);
	/* The folder is its owner's, who may have put a link there since: it is not followed. */
	if (geteuid() == 0 && fchownat(directory, name, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(arena, errno, "giving %s to the server's user", name);
	return OK;
}

/* data_dir/run, which everybody may pass through and nobody but `owner` may list. */
static err open_run(struct arena *arena, int data_dir, unsigned owner, file *out)
{
	if (mkdirat(data_dir, "run", 0700) != 0 && errno != EEXIST)
		return err_errno(arena, errno, "making run");
	AUTO(file) run = openat(data_dir, "run", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (run < 0)
		return err_errno(arena, errno, "opening run");
	if ((geteuid() == 0 && fchown(run, owner, (gid_t)-1) != 0) || fchmod(run, 0711) != 0)
		return err_errno(arena, errno, "opening run to this machine's logins");
	*out = file_take(&run);
	return OK;
}

static err bind_below(struct arena *arena, int data_dir, unsigned owner, struct listeners *out)
{
	AUTO(file) run = FILE_NONE;

	TRY(bind_local(arena, data_dir, "control.sock", 0600, owner, &out->control));
	TRY(open_run(arena, data_dir, owner, &run));
	return bind_local(arena, run, "submit.sock", 0666, owner, &out->submit);
}

static err bind_own(struct arena *arena, const struct config *config, unsigned owner, struct listeners *out)
{
	AUTO(file) data_dir = FILE_NONE;

	TRY(file_open(arena, config->data_dir, O_PATH | O_DIRECTORY, 0, &data_dir));
	err e = bind_below(arena, data_dir, owner, out);
	return e.code == ERR_OK ? OK : err_wrap(arena, e, STR_FMT, STR_ARG(config->data_dir));
}

err listeners_bind(struct arena *arena, const struct config *config, unsigned owner, struct listeners *out)
{
	struct passed passed = find_passed();

	out->count = 0;
	for (int p = 0; p < CONFIG_PROTOCOLS; p++)
		for (size_t i = 0; i < config->listen[p].count; i++) {
			const struct config_listener *configured = &config->listen[p].item[i];
			if (out->count == LIMIT_LISTENERS)
				return (err){ ERR_LIMIT, LIMIT_LISTENERS, "listen: more than 64 addresses" };
			struct listener *l = &out->items[out->count++];
			*l = (struct listener){ (enum config_protocol)p, configured, FILE_NONE };
			TRY(bind_one(arena, l->protocol, configured, &passed, &l->fd));
		}
	for (unsigned i = 0; i < passed.count; i++)
		if (!passed.taken[i])
			return err_new(
				arena, ERR_SYNTAX,
				"the service manager handed in a socket (descriptor %u) that no address "
				"in [listen] stands for; make both name the same addresses",
				FIRST_PASSED_FD + i);
	return bind_own(arena, config, owner, out);
}

void listeners_add_json(struct buf *out, const struct listeners *listeners)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < listeners->count; i++) {
		const struct listener *l = &listeners->items[i];
		bool first = i == 0 || listeners->items[i - 1].protocol != l->protocol;
		char octets[LIMIT_PATH];
		struct buf text;

		buf_init_fixed(&text, octets, sizeof octets);
		config_listener_format(&text, l->configured);
		buf_add(out, i == 0 ? STR("") : first ? STR("],") : STR(","));
		if (first) {
			log_add_json_string(out, str_of(config_protocol_name(l->protocol)));
			buf_add(out, STR(":["));
		}
		log_add_json_string(out, buf_str(&text));
	}
	buf_add(out, listeners->count ? STR("]}") : STR("}"));
}

void listeners_unlink(struct arena *arena, const struct config *config)
{
	char *path = arena_z(arena, config->data_dir);
	AUTO(file) directory = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : FILE_NONE;

	if (directory < 0)
		return;
	(void)unlinkat(directory, "control.sock", 0);
	(void)unlinkat(directory, "run/submit.sock", 0);
}
