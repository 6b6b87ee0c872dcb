#include "cli/submit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"

enum { PATIENCE_S = 330, COPY_OCTETS = 64 * 1024 };

static const char socket_name[] = "/run/submit.sock";

/* --- the connection --- */

static err cannot_connect(struct arena *arena, str data_dir, int number)
{
	if (number == ENOENT || number == ECONNREFUSED)
		return (err){ ERR_MISSING, 0, "no server runs: nothing was sent; start it, then try again" };
	if (number == EACCES)
		return err_new(arena, ERR_DENIED,
		               STR_FMT "%s can't be reached: the folders above it must let every login "
		                       "through (chmod o+x)",
		               STR_ARG(data_dir), socket_name);
	if (number == EAGAIN)
		return (err){ ERR_TIMEOUT, 0, "the server does not answer; try again later" };
	return err_errno(arena, number, "connecting to " STR_FMT "%s", STR_ARG(data_dir), socket_name);
}

err submit_connect(struct arena *arena, str data_dir, file *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	AUTO(file) directory = FILE_NONE;
	char *path = arena_z(arena, data_dir);

	if (!path)
		return ERR_NO_MEMORY;
	if (data_dir.len + sizeof socket_name <= sizeof address.sun_path) {
		snprintf(address.sun_path, sizeof address.sun_path, "%s%s", path, socket_name);
	} else { /* sun_path holds 107 octets only: through a descriptor of the folder */
		directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directory < 0)
			return cannot_connect(arena, data_dir, errno);
		snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", directory,
		         socket_name);
	}
	AUTO(file) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(arena, errno, "making a socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		return cannot_connect(arena, data_dir, errno);
	*out = file_take(&fd);
	return OK;
}

struct submit {
	struct arena *arena;
	file fd;
	bool eight_bit, utf8; /* the message or its envelope need it */
	bool offers_8bitmime, offers_smtputf8;
	char last; /* octet sent of the message: what follows LF begins a line */
	/* what came and was not read */
	size_t at, len;
	char octets[4096];
};

static err send_octets(struct submit *s, str octets)
{
	while (octets.len > 0) {
		ssize_t n = send(s->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return (err){ ERR_CLOSED, 0, "the server closed the connection; try again later" };
		if (n < 0)
			return err_errno(s->arena, errno == EAGAIN ? ETIMEDOUT : errno,
			                 "speaking to the server");
		octets = str_from(octets, (size_t)n);
	}
	return OK;
}

/* --- replies --- */

struct reply {
	unsigned code;
	str line; /* the last one, with its code */
};

static err next_octet(struct submit *s, char *out)
{
	while (s->at == s->len) {
		ssize_t n = recv(s->fd, s->octets, sizeof s->octets, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return (err){ ERR_CLOSED, 0, "the server closed the connection; try again later" };
		if (n < 0)
			return err_errno(s->arena, errno == EAGAIN ? ETIMEDOUT : errno, "hearing the server");
		s->at = 0;
		s->len = (size_t)n;
	}
	*out = s->octets[s->at++];
	return OK;
}

/* One line without its end. */
static err read_line(struct submit *s, str *out)
{
	struct buf line;
	char c = 0;

	buf_init(&line, s->arena, 4 * LIMIT_KB);
	for (;;) {
		TRY(next_octet(s, &c));
		if (c == '\n')
			break;
		buf_add_char(&line, c);
	}
	TRY(buf_err(&line));
	*out = str_trim(buf_str(&line));
	return OK;
}

/* A reply; the keywords in it are noted where it is EHLO's. */
static err read_reply(struct submit *s, struct reply *out)
{
	for (;;) {
		str line = { 0 };
		uint64_t code = 0;

		TRY(read_line(s, &line));
		if (line.len < 3 || !str_to_u64(str_slice(line, 0, 3), 599, &code) || code < 200)
			return (err){ ERR_CORRUPT, 0, "the server's answer is not SMTP" };
		str word = str_from(line, line.len > 3 ? 4 : 3);
		s->offers_8bitmime = s->offers_8bitmime || str_eq_nocase(word, STR("8BITMIME"));
		s->offers_smtputf8 = s->offers_smtputf8 || str_eq_nocase(word, STR("SMTPUTF8"));
		if (line.len > 3 && line.ptr[3] == '-')
			continue;
		*out = (struct reply){ (unsigned)code, line };
		return OK;
	}
}

static err command(struct submit *s, struct buf *line, struct reply *out)
{
	buf_add(line, CRLF);
	TRY(buf_err(line));
	TRY(send_octets(s, buf_str(line)));
	return read_reply(s, out);
}

/* --- the message --- */

static bool has_eight_bit(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] > 0x7f)
			return true;
	return false;
}

/* Sends lines that end with CR LF, a dot at a line's beginning doubled (RFC 5321 §4.5.2). */
static err send_stuffed(struct submit *s, str octets)
{
	size_t from = 0;

	for (size_t i = 0; i < octets.len; i++) {
		if (octets.ptr[i] == '.' && s->last == '\n') {
			TRY(send_octets(s, str_slice(octets, from, i)));
			TRY(send_octets(s, STR(".")));
			from = i;
		}
		s->last = octets.ptr[i];
	}
	return send_octets(s, str_from(octets, from));
}

/* Calls `take` for each piece of what does not stand in memory. */
static err each_of_rest(struct submit *s, const struct send_message *m, err (*take)(struct submit *, str))
{
	char *octets = arena_alloc(s->arena, COPY_OCTETS);

	if (!octets)
		return ERR_NO_MEMORY;
	for (uint64_t at = 0; at < m->rest_size;) {
		size_t n = m->rest_size - at < COPY_OCTETS ? (size_t)(m->rest_size - at) : COPY_OCTETS;
		TRY(file_read_at(m->rest, octets, n, at));
		TRY(take(s, (str){ octets, n }));
		at += n;
	}
	return OK;
}

static err note_eight_bit(struct submit *s, str octets)
{
	s->eight_bit = s->eight_bit || has_eight_bit(octets);
	return OK;
}

static err send_content(struct submit *s, str header, const struct send_message *m, struct reply *reply)
{
	s->last = '\n';
	TRY(send_stuffed(s, header));
	TRY(send_stuffed(s, m->begin));
	TRY(each_of_rest(s, m, send_stuffed));
	TRY(send_octets(s, STR(".\r\n")));
	return read_reply(s, reply);
}

/* --- what a refusal means to a script --- */

/* Where in the transaction it was said: the same status means another thing for a sender and a recipient. */
enum step { AT_HELLO, AT_MAIL, AT_RCPT, AT_DATA };

static enum exit_code exit_of(const struct reply *reply, enum step at)
{
	str text = str_from(reply->line, reply->line.len > 3 ? 4 : 3);

	if (reply->code < 500)
		return EXIT_TRY_AGAIN;
	if (str_starts(text, STR("5.1.1 ")) || str_starts(text, STR("5.2.1 ")))
		return EXIT_NO_SUCH;
	if (str_starts(text, STR("5.1.3 ")) || str_starts(text, STR("5.1.7 ")) ||
	    str_starts(text, STR("5.6.")) || str_starts(text, STR("5.3.4 ")))
		return EXIT_BAD_DATA;
	if (str_starts(text, STR("5.7.")) && at != AT_RCPT)
		return EXIT_NOT_PERMITTED;
	return EXIT_UNAVAILABLE;
}

/* Was it refused? Then *out says so; `path` names the recipient, where it is about one. */
static bool refused(struct submit *s, const struct reply *reply, enum step at, str path,
                    struct submit_outcome *out)
{
	struct buf text;

	if (reply->code < 400)
		return false;
	buf_init(&text, s->arena, 8 * LIMIT_KB);
	if (path.len > 0) {
		buf_add(&text, path);
		buf_add(&text, STR(": "));
	}
	buf_add(&text, reply->line);
	*out = (struct submit_outcome){ .exit = exit_of(reply, at), .reply = buf_str(&text) };
	return true;
}

/* --- the transaction; each step fills *out where it is refused, and says so --- */

static err hello(struct submit *s, str hostname, struct submit_outcome *out, bool *over)
{
	struct reply reply = { 0 };
	struct buf line;

	TRY(read_reply(s, &reply));
	if ((*over = refused(s, &reply, AT_HELLO, STR(""), out)))
		return OK;
	buf_init(&line, s->arena, LIMIT_KB);
	buf_add(&line, STR("EHLO "));
	buf_add(&line, hostname);
	TRY(command(s, &line, &reply));
	*over = refused(s, &reply, AT_HELLO, STR(""), out);
	return OK;
}

static err mail(struct submit *s, str reverse_path, uint64_t size, struct submit_outcome *out, bool *over)
{
	struct reply reply = { 0 };
	struct buf line;

	buf_init(&line, s->arena, 4 * LIMIT_KB);
	buf_add(&line, STR("MAIL FROM:<"));
	buf_add(&line, reverse_path);
	buf_add(&line, STR("> SIZE="));
	buf_add_u64(&line, size);
	if (s->eight_bit && s->offers_8bitmime)
		buf_add(&line, STR(" BODY=8BITMIME"));
	if (s->utf8 && s->offers_smtputf8)
		buf_add(&line, STR(" SMTPUTF8"));
	TRY(command(s, &line, &reply));
	*over = refused(s, &reply, AT_MAIL, STR(""), out);
	return OK;
}

static err recipients(struct submit *s, const struct submit_envelope *envelope, struct submit_outcome *out,
                      bool *over)
{
	for (uint32_t i = 0; i < envelope->count && !*over; i++) {
		struct reply reply = { 0 };
		struct buf line;

		buf_init(&line, s->arena, 4 * LIMIT_KB);
		buf_add(&line, STR("RCPT TO:<"));
		buf_add(&line, envelope->paths[i]);
		buf_add_char(&line, '>');
		TRY(command(s, &line, &reply));
		*over = refused(s, &reply, AT_RCPT, envelope->paths[i], out);
	}
	return OK;
}

/* "250 2.0.0 Ok, delivered as ID" */
static str id_of(str reply)
{
	size_t at = str_find(reply, STR(" as "));

	return at < reply.len ? str_from(reply, at + 4) : STR("");
}

static err content(struct submit *s, str header, const struct send_message *m, struct submit_outcome *out)
{
	struct reply reply = { 0 };
	struct buf line;

	buf_init(&line, s->arena, 16);
	buf_add(&line, STR("DATA"));
	TRY(command(s, &line, &reply));
	if (refused(s, &reply, AT_DATA, STR(""), out))
		return OK;
	TRY(send_content(s, header, m, &reply));
	if (!refused(s, &reply, AT_DATA, STR(""), out))
		*out = (struct submit_outcome){ EXIT_FINE, reply.line, id_of(reply.line) };
	return OK;
}

err submit_message(struct arena *arena, file fd, str hostname, const struct submit_envelope *envelope,
                   str header, const struct send_message *m, struct submit_outcome *out)
{
	struct submit *s = arena_new(arena, struct submit, 1);
	bool over = false;

	if (!s)
		return ERR_NO_MEMORY;
	s->arena = arena;
	s->fd = fd;
	s->utf8 = has_eight_bit(envelope->reverse_path);
	for (uint32_t i = 0; i < envelope->count; i++)
		s->utf8 = s->utf8 || has_eight_bit(envelope->paths[i]);
	s->eight_bit = has_eight_bit(header) || has_eight_bit(m->begin);
	TRY(each_of_rest(s, m, note_eight_bit));
	TRY(hello(s, hostname, out, &over));
	if (!over)
		TRY(mail(s, envelope->reverse_path, header.len + m->begin.len + m->rest_size, out, &over));
	if (!over)
		TRY(recipients(s, envelope, out, &over));
	return over ? OK : content(s, header, m, out);
}
