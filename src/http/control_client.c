#include "http/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

err control_connect(struct arena *arena, str data_dir, int *fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO(file) directory = FILE_NONE;
	AUTO(file) s = FILE_NONE;

	TRY(file_open(arena, data_dir, O_PATH | O_DIRECTORY, 0, &directory));
	/* Through the descriptor, since sun_path holds 107 octets only. */
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock", directory);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return err_errno(arena, errno, "making a socket");
	if (connect(s, (struct sockaddr *)&address, sizeof address) == 0) {
		*fd = file_take(&s);
		return OK;
	}
	/* A socket without a listener was left by a server that was killed. */
	if (errno == ENOENT || errno == ECONNREFUSED)
		return (err){ ERR_MISSING, 0, "no server runs" };
	if (errno == EACCES)
		return err_new(arena, ERR_DENIED,
		               STR_FMT
		               "/control.sock: only root and the user that the server runs as may use it",
		               STR_ARG(data_dir));
	return err_errno(arena, errno, "connecting to " STR_FMT "/control.sock", STR_ARG(data_dir));
}

static err send_all(struct arena *arena, int fd, str octets)
{
	while (octets.len > 0) {
		ssize_t n = send(fd, octets.ptr, octets.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		/* One who refused us early has answered: the reader sees what. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return OK;
		if (n < 0)
			return err_errno(arena, errno, "asking the server");
		octets = str_from(octets, (size_t)n);
	}
	return OK;
}

static err read_to_end(struct arena *arena, int fd, struct buf *in)
{
	for (;;) {
		char octets[16384];
		ssize_t n = recv(fd, octets, sizeof octets, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
			return err_errno(arena, errno, "reading the server's answer");
		if (n <= 0)
			return OK;
		buf_add(in, (str){ octets, (size_t)n });
		TRY(buf_err(in));
	}
}

static err code_of_name(struct arena *arena, const char *name, const char *what, bool *usage)
{
	str sentence = { 0 };

	TRY(arena_copy(arena, str_of(what), &sentence));
	const char *kept = arena_z(arena, sentence);
	*usage = strcmp(name, "usage") == 0;
	if (*usage)
		return (err){ ERR_SYNTAX, 0, kept };
	for (int code = ERR_OK + 1; code <= ERR_CORRUPT; code++)
		if (strcmp(name, err_code_name((err_code)code)) == 0)
			return (err){ (err_code)code, 0, kept };
	return (err){ ERR_CORRUPT, 0, kept };
}

static err understand(struct arena *arena, str response, struct control_answer *out)
{
	size_t head = str_find(response, STR("\r\n\r\n"));
	const char *name, *what;

	if (response.len == 0)
		return (err){ ERR_CLOSED, 0,
			      "the server closed the connection without an answer; try again" };
	if (head == response.len || !str_starts(response, STR("HTTP/1.1 ")))
		return (err){ ERR_CORRUPT, 0, "the server's answer is not HTTP" };
	str body = str_from(response, head + 4);
	json_t *document = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(document)) {
		json_decref(document);
		return (err){ ERR_CORRUPT, 0, "the server's answer is cut short" };
	}
	*out = (struct control_answer){ .document = document,
		                        .answer = json_object_get(document, "answer"),
		                        .warnings = json_object_get(document, "warnings") };
	if (!out->answer && json_unpack(document, "{s:s, s:s}", "error", &name, "what", &what) == 0)
		out->failed = code_of_name(arena, name, what, &out->usage);
	else if (!out->answer)
		out->failed = (err){ ERR_CORRUPT, 0, "the server's answer says nothing" };
	return OK;
}

err control_ask(struct arena *arena, str data_dir, str operation, const json_t *arguments,
                struct control_answer *out)
{
	AUTO(file) fd = FILE_NONE;
	struct buf request, response;

	TRY(control_connect(arena, data_dir, &fd));
	char *content = json_dumps(arguments, JSON_COMPACT);
	if (!content)
		return ERR_NO_MEMORY;
	buf_init(&request, arena, LIMIT_HTTP_HEAD + LIMIT_HTTP_BODY);
	buf_add(&request, STR("POST /v1/"));
	buf_add(&request, operation);
	buf_add_format(&request,
	               " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
	               strlen(content));
	buf_add(&request, str_of(content));
	free(content);
	TRY(buf_err(&request));
	TRY(send_all(arena, fd, buf_str(&request)));
	buf_init(&response, arena, LIMIT_ADMIN_ANSWER);
	TRY(read_to_end(arena, fd, &response));
	return understand(arena, buf_str(&response), out);
}
