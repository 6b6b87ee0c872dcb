/* Who spoke first? Answered by the kernel's own counts, so that nobody has to be kept waiting for it. */
#include "net/conn_internal.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

static bool count_of(const struct conn *conn, unsigned long what, int *count)
{
	uv_os_fd_t fd;

	return uv_fileno(&conn->uv.handle, &fd) == 0 && ioctl(fd, what, count) == 0;
}

bool conn_input_waits(const struct conn *conn)
{
	int octets = 0;

	return conn->rest_len > 0 || (count_of(conn, FIONREAD, &octets) && octets > 0);
}

bool conn_output_arrived(const struct conn *conn)
{
	int octets = 0;

	return output_waiting(&conn->out) == 0 && !(count_of(conn, SIOCOUTQ, &octets) && octets > 0);
}
