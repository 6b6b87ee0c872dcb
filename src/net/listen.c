#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

static err bind_failed(struct arena *arena, str name, int number)
{
	switch (number) {
	case EADDRINUSE:
		return err_new(arena, ERR_EXISTS,
		               STR_FMT ": address in use; stop the other server or listen elsewhere",
		               STR_ARG(name));
	case EACCES:
		return err_new(arena, ERR_DENIED,
		               STR_FMT ": not permitted; start as root, grant CAP_NET_BIND_SERVICE or listen "
		                       "on a port over 1023",
		               STR_ARG(name));
	case EADDRNOTAVAIL:
		return err_new(arena, ERR_MISSING, STR_FMT ": this machine has no such address",
		               STR_ARG(name));
	default:
		return err_errno(arena, number, "listening on " STR_FMT, STR_ARG(name));
	}
}

static err sentence_name(struct arena *arena, ip address, uint16_t port, str *out)
{
	struct buf b;

	buf_init(&b, arena, LIMIT_ERROR_SENTENCE);
	if (!ip_is_v4(address))
		buf_add_char(&b, '[');
	ip_format(&b, address);
	if (!ip_is_v4(address))
		buf_add_char(&b, ']');
	buf_add_char(&b, ':');
	buf_add_u64(&b, port);
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

static int listen_on(int fd, const struct sockaddr *sa, socklen_t size)
{
	return bind(fd, sa, size) == 0 && listen(fd, LIMIT_ACCEPT_BACKLOG) == 0 ? 0 : errno;
}

err listen_bind_ip(struct arena *arena, ip address, uint16_t port, int *fd)
{
	static const uint8_t any[16];
	struct sockaddr_storage sa;
	socklen_t size = ip_to_sockaddr(address, port, &sa);
	int on = 1, off = 0;
	str name;

	TRY(sentence_name(arena, address, port, &name));
	AUTO(file) f = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f < 0)
		return err_errno(arena, errno, "making a socket for " STR_FMT, STR_ARG(name));
	/* A restart must not wait for the former server's connections in TIME_WAIT. */
	setsockopt(f, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (sa.ss_family == AF_INET6) {
		bool both = memcmp(address.octets, any, sizeof any) == 0;
		setsockopt(f, IPPROTO_IPV6, IPV6_V6ONLY, both ? &off : &on, sizeof on);
	}
	int failed = listen_on(f, (struct sockaddr *)&sa, size);
	if (failed)
		return bind_failed(arena, name, failed);
	*fd = file_take(&f);
	return OK;
}

/* A socket file that nobody listens on any more was left by a server that died. */
static void remove_if_dead(const struct sockaddr_un *sa)
{
	struct stat st;
	AUTO(file) f = FILE_NONE;

	if (lstat(sa->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	f = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f >= 0 && connect(f, (const struct sockaddr *)sa, sizeof *sa) != 0 && errno == ECONNREFUSED)
		unlink(sa->sun_path);
}

err listen_bind_unix(struct arena *arena, str path, unsigned mode, int *fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	if (path.len == 0 || path.len >= sizeof sa.sun_path)
		return err_new(arena, ERR_LIMIT, STR_FMT ": a socket's path has at most %zu octets",
		               STR_ARG(path), sizeof sa.sun_path - 1);
	memcpy(sa.sun_path, path.ptr, path.len);
	AUTO(file) f = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f < 0)
		return err_errno(arena, errno, "making a socket for " STR_FMT, STR_ARG(path));
	remove_if_dead(&sa);
	/* bind gives the file the descriptor's mode less the umask, so it is never open too wide, and no name
	 * is looked up twice: whoever may write to the folder could have put another file under it. */
	fchmod(f, mode);
	mode_t former = umask(0);
	int failed = bind(f, (struct sockaddr *)&sa, sizeof sa) == 0 ? 0 : errno;
	umask(former);
	if (failed)
		return bind_failed(arena, path, failed);
	if (listen(f, LIMIT_ACCEPT_BACKLOG) != 0)
		return err_errno(arena, errno, "listening on " STR_FMT, STR_ARG(path));
	*fd = file_take(&f);
	return OK;
}
