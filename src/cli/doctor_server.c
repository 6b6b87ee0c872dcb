#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "admin/size.h"
#include "base/file.h"
#include "cli/doctor_internal.h"
#include "cli/submit.h"
#include "http/control_client.h"

enum { SUBMIT_GREETING_MS = 3000, SPARE_DESCRIPTORS = 200 };
static const uint64_t disk_scarce_octets = 1024ull * LIMIT_MB, disk_full_octets = 128ull * LIMIT_MB;

void check_server(struct doctor *d)
{
	AUTO(file) fd = FILE_NONE;
	err e = control_connect(d->line->arena, d->config->data_dir, &fd);

	d->running = e.code == ERR_OK;
	if (d->running)
		check_add(d, "server", CHECK_OK, NULL, "it runs and answers");
	else if (e.code == ERR_MISSING)
		check_add(d, "server", CHECK_ERROR, "start it: postrider serve",
		          "no server runs: mail is not taken");
	else
		check_add(d, "server", CHECK_ERROR, NULL, "%s", e.what);
}

/* What comes next, some octets of it: how many, 0 at the end or where nothing comes. */
static size_t hear(file fd, char *octets, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = poll(&p, 1, SUBMIT_GREETING_MS) == 1 ? recv(fd, octets, size, 0) : 0;

	return n > 0 ? (size_t)n : 0;
}

/* Is greeted, and leaves as one does: who hangs up on a reply is logged as a peer that failed. */
static bool greeted(file fd)
{
	static const char quit[] = "QUIT\r\n";
	char octets[256] = { 0 };
	bool welcome = hear(fd, octets, sizeof octets) > 0 && octets[0] == '2';

	if (welcome && send(fd, quit, sizeof quit - 1, MSG_NOSIGNAL) > 0)
		while (hear(fd, octets, sizeof octets) > 0)
			;
	return welcome;
}

void check_submit(struct doctor *d)
{
	AUTO(file) fd = FILE_NONE;

	if (!d->running)
		return;
	err e = submit_connect(d->line->arena, d->config->data_dir, &fd);
	if (e.code == ERR_OK && greeted(fd))
		check_add(d, "submit", CHECK_OK, NULL, "programs of this machine can send");
	else
		check_add(d, "submit", CHECK_ERROR, "restart the server; look into its log",
		          "programs of this machine can't send: %s", e.what ? e.what : "nobody greets");
}

static const char *sized(struct doctor *d, uint64_t octets)
{
	struct buf text;

	buf_init(&text, d->line->arena, 40);
	size_format(&text, octets);
	const char *z = arena_z(d->line->arena, buf_str(&text));
	return z ? z : "?";
}

void check_disk(struct doctor *d)
{
	static const char remedy[] = "make room on that disk, or move data_dir to a larger one";
	char *path = arena_z(d->line->arena, d->config->data_dir);
	struct statvfs v;

	if (!path || statvfs(path, &v) != 0) {
		check_add(d, "disk", CHECK_ERROR, "see that data_dir can be read", "%s can't be looked at",
		          path);
		return;
	}
	uint64_t room = (uint64_t)v.f_bavail * v.f_frsize, all = (uint64_t)v.f_blocks * v.f_frsize;
	enum check_state state = room < disk_full_octets                        ? CHECK_ERROR
	                         : room < disk_scarce_octets || room < all / 50 ? CHECK_WARNING
	                                                                        : CHECK_OK;
	check_add(d, "disk", state, state == CHECK_OK ? NULL : remedy, "%s of %s free", sized(d, room),
	          sized(d, all));
	if (v.f_files && v.f_favail < 10000)
		check_add(d, "inodes", CHECK_WARNING, remedy, "only %llu files can still be made",
		          (unsigned long long)v.f_favail);
}

void check_descriptors(struct doctor *d)
{
	struct rlimit limit;
	uint64_t wanted = (uint64_t)d->config->limits.connections + SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max >= wanted)
		check_add(d, "descriptors", CHECK_OK, NULL, "enough for %u connections",
		          d->config->limits.connections);
	else
		check_add(d, "descriptors", CHECK_WARNING,
		          "raise LimitNOFILE (systemd) or ulimit -Hn, or set limits.connections lower",
		          "the limit of %llu does not reach for the %u connections of limits.connections",
		          (unsigned long long)limit.rlim_max, d->config->limits.connections);
}

void check_data_dir(struct doctor *d)
{
	char *path = arena_z(d->line->arena, d->config->data_dir);
	struct stat about;

	if (!path || stat(path, &about) != 0)
		return;
	if (about.st_mode & 066)
		check_add(d, "data_dir", CHECK_WARNING, "chmod 711 it",
		          "other users of this machine may look into %s", path);
	else if (!(about.st_mode & 01))
		check_add(d, "data_dir", CHECK_WARNING, "chmod 711 it: what is inside stays closed",
		          "programs of other users can't hand in mail: %s lets nobody through", path);
}

void check_hostname(struct doctor *d)
{
	static const str unusable[] = { STR_INIT(".local"), STR_INIT(".localhost"), STR_INIT(".localdomain"),
		                        STR_INIT(".invalid"), STR_INIT(".test") };
	str name = d->config->hostname;
	bool usable = str_find_char(name, '.') < name.len;

	for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++)
		usable = usable && !str_ends_nocase(name, unusable[i]);
	if (usable)
		check_add(d, "hostname", CHECK_OK, NULL, STR_FMT, STR_ARG(name));
	else
		check_add(d, "hostname", CHECK_WARNING,
		          "set hostname to the machine's full public name, like mail.shop.example",
		          STR_FMT " is no name by which other mail servers could find this machine",
		          STR_ARG(name));
}
