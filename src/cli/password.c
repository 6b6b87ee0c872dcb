#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

/* One line without its end. */
static err read_line(struct command_line *line, int fd, str *out)
{
	struct buf octets;
	char c;

	buf_init(&octets, line->arena, LIMIT_PASSWORD + 2);
	for (;;) {
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(line->arena, errno, "reading the password");
		if (n == 0 || c == '\n')
			break;
		buf_add_char(&octets, c);
		if (octets.len > LIMIT_PASSWORD + 1)
			return (err){ ERR_LIMIT, LIMIT_PASSWORD, "the password is longer than 1024 octets" };
	}
	str password = buf_str(&octets);
	if (password.len && password.ptr[password.len - 1] == '\r')
		password.len--;
	*out = password;
	return buf_err(&octets);
}

static err ask_once(struct command_line *line, int tty, const char *prompt, const char *whose, str *out)
{
	struct termios shown, hidden;

	if (tcgetattr(tty, &shown) != 0)
		return err_errno(line->arena, errno, "asking for the password");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	(void)tcsetattr(tty, TCSAFLUSH, &hidden);
	dprintf(tty, "%s %s: ", prompt, whose);
	err e = read_line(line, tty, out);
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	return e;
}

static err open_terminal(struct command_line *line, int *out)
{
	*out = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	return *out >= 0 ? OK
	                 : command_usage(line,
	                                 "there is no terminal to ask for the password at; pipe it in and "
	                                 "add --password-stdin");
}

err password_read(struct command_line *line, bool from_stdin, const char *whose, str *out)
{
	str first = { 0 }, again = { 0 };

	if (from_stdin) {
		TRY(read_line(line, STDIN_FILENO, &first));
	} else {
		AUTO(file) tty = FILE_NONE;
		TRY(open_terminal(line, &tty));
		TRY(ask_once(line, tty, "New password for", whose, &first));
		if (first.len)
			TRY(ask_once(line, tty, "Once more for", whose, &again));
		if (first.len && !str_eq(first, again))
			return (err){ ERR_SYNTAX, 0, "the two passwords differ; nothing was changed" };
	}
	if (first.len == 0)
		return (err){ ERR_SYNTAX, 0, "the password is empty; nothing was changed" };
	*out = first;
	return OK;
}

err password_read_once(struct command_line *line, bool from_stdin, const char *whose, str *out)
{
	str password = { 0 };

	if (from_stdin) {
		TRY(read_line(line, STDIN_FILENO, &password));
	} else {
		AUTO(file) tty = FILE_NONE;
		TRY(open_terminal(line, &tty));
		TRY(ask_once(line, tty, "Password of", whose, &password));
	}
	if (password.len == 0)
		return (err){ ERR_SYNTAX, 0, "the password is empty" };
	*out = password;
	return OK;
}
