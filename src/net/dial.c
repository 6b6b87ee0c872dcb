#include "net/dial.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

struct dial {
	struct arena *arena; /* for sentences */
	int fd;
	SSL_CTX *context;
	SSL *ssl; /* NULL: in the clear */
	char in[LIMIT_DIAL_LINE + 2];
	size_t begin, end; /* what was read and not given yet */
};

static err of_errno(struct arena *arena, int number, const char *doing)
{
	switch (number) {
	case EAGAIN:
	case EINPROGRESS:
	case ETIMEDOUT:
		return err_new(arena, ERR_TIMEOUT, "%s: no answer in time", doing);
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case ENETUNREACH:
	case EHOSTUNREACH: {
		err e = err_errno(arena, number, "%s", doing);
		return (err){ ERR_CLOSED, e.at, e.what };
	}
	default:
		return err_errno(arena, number, "%s", doing);
	}
}

/* Blocking, with the kernel's own time-outs: a connect waits for SO_SNDTIMEO too. */
static err connect_to(struct arena *arena, ip address, uint16_t port, int64_t timeout_ms, int *out)
{
	struct sockaddr_storage to;
	struct timeval wait = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	socklen_t size = ip_to_sockaddr(address, port, &to);
	AUTO(file) fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(arena, errno, "opening a socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (connect(fd, (const struct sockaddr *)&to, size) < 0)
		return of_errno(arena, errno, "connecting");
	*out = file_take(&fd);
	return OK;
}

err dial_open(struct arena *arena, ip address, uint16_t port, int64_t timeout_ms, struct dial **out)
{
	struct dial *d = calloc(1, sizeof *d);

	if (!d)
		return ERR_NO_MEMORY;
	d->arena = arena;
	d->fd = FILE_NONE;
	err e = connect_to(arena, address, port, timeout_ms, &d->fd);
	if (e.code != ERR_OK) {
		dial_close(d);
		return e;
	}
	*out = d;
	return OK;
}

void dial_close(struct dial *d)
{
	if (!d)
		return;
	if (d->ssl && SSL_is_init_finished(d->ssl))
		(void)SSL_shutdown(d->ssl);
	SSL_free(d->ssl);
	SSL_CTX_free(d->context);
	if (d->fd >= 0)
		(void)close(d->fd);
	free(d);
}

/* What OpenSSL says of a call that failed, in one clause. */
static err of_tls(struct dial *d, int result, const char *doing)
{
	int number = errno, why = SSL_get_error(d->ssl, result);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return err_new(d->arena, ERR_TIMEOUT, "%s: no answer in time", doing);
	if (why == SSL_ERROR_SYSCALL && number)
		return of_errno(d->arena, number, doing);
	return err_new(d->arena, ERR_CLOSED, "%s: %s", doing, reason ? reason : "the other end closed");
}

err dial_start_tls(struct dial *d, const char *name, struct dial_tls *out)
{
	d->begin = d->end = 0; /* nothing that came in the clear counts under TLS */
	d->context = SSL_CTX_new(TLS_client_method());
	if (!d->context || !SSL_CTX_set_default_verify_paths(d->context))
		return ERR_NO_MEMORY;
	d->ssl = SSL_new(d->context);
	if (!d->ssl || !SSL_set_fd(d->ssl, d->fd) || !SSL_set_tlsext_host_name(d->ssl, name) ||
	    !SSL_set1_host(d->ssl, name))
		return ERR_NO_MEMORY;
	ERR_clear_error();
	errno = 0;
	int shaken = SSL_connect(d->ssl);
	if (shaken != 1)
		return of_tls(d, shaken, "the TLS handshake");
	long verified = SSL_get_verify_result(d->ssl);
	*out = (struct dial_tls){ .version = SSL_get_version(d->ssl),
		                  .cipher = SSL_get_cipher_name(d->ssl),
		                  .mistrust = verified == X509_V_OK
		                                      ? NULL
		                                      : X509_verify_cert_error_string(verified) };
	return OK;
}

bool dial_shows(const struct dial *d, str chain)
{
	BIO *in = BIO_new_mem_buf(chain.ptr, (int)chain.len);
	X509 *wanted = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	X509 *shown = d->ssl ? SSL_get1_peer_certificate(d->ssl) : NULL;
	bool same = wanted && shown && X509_cmp(wanted, shown) == 0;

	ERR_clear_error();
	X509_free(shown);
	X509_free(wanted);
	BIO_free(in);
	return same;
}

static err fill(struct dial *d)
{
	char *at = d->in + d->end;
	size_t room = sizeof d->in - d->end;

	errno = 0;
	if (d->ssl) {
		ERR_clear_error();
		int n = SSL_read(d->ssl, at, (int)room);
		if (n <= 0)
			return SSL_get_error(d->ssl, n) == SSL_ERROR_ZERO_RETURN
			               ? (err){ ERR_CLOSED, 0, "the other end closed the connection" }
			               : of_tls(d, n, "reading");
		d->end += (size_t)n;
		return OK;
	}
	ssize_t n = recv(d->fd, at, room, 0);
	if (n == 0)
		return (err){ ERR_CLOSED, 0, "the other end closed the connection" };
	if (n < 0)
		return of_errno(d->arena, errno, "reading");
	d->end += (size_t)n;
	return OK;
}

err dial_read_line(struct dial *d, str *out)
{
	memmove(d->in, d->in + d->begin, d->end - d->begin);
	d->end -= d->begin;
	d->begin = 0;
	for (size_t looked = 0;;) {
		str have = { d->in, d->end };
		size_t lf = looked + str_find_char(str_from(have, looked), '\n');
		if (lf < have.len) {
			d->begin = lf + 1;
			str line = str_slice(have, 0, lf);
			*out = line.len && line.ptr[line.len - 1] == '\r' ? str_slice(line, 0, line.len - 1)
			                                                  : line;
			return OK;
		}
		if (d->end == sizeof d->in)
			return (err){ ERR_LIMIT, LIMIT_DIAL_LINE, "a reply line is longer than any may be" };
		looked = d->end;
		TRY(fill(d));
	}
}

err dial_write(struct dial *d, str octets)
{
	while (octets.len) {
		errno = 0;
		ERR_clear_error();
		ssize_t n = d->ssl ? SSL_write(d->ssl, octets.ptr, (int)octets.len)
		                   : send(d->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
		if (n <= 0)
			return d->ssl ? of_tls(d, (int)n, "writing") : of_errno(d->arena, errno, "writing");
		octets = str_from(octets, (size_t)n);
	}
	return OK;
}
