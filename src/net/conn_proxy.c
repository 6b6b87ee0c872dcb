#include "net/conn_internal.h"

#include "net/proxy_header.h"

/* The proxy is asked for its header at once, so a peer that it passes on can't hold it back. */
void conn_proxy_took(struct conn *c, str octets)
{
	struct proxy_header header;
	size_t used;

	switch (proxy_header_parse(octets, &header, &used)) {
	case PROXY_PART:
		if (!conn_keep_rest(c, octets))
			conn_end(c, "out of memory");
		return;
	case PROXY_WRONG:
		conn_end(c, "no PROXY header");
		return;
	case PROXY_WHOLE:
		break;
	}
	if (header.has_addresses) {
		c->peer = header.source;
		c->peer_port = header.source_port;
		c->local = header.destination;
		c->local_port = header.destination_port;
	}
	const char *refused = c->host->admit(c, c->host->user);
	if (!refused) {
		conn_go_on(c, str_from(octets, used));
		return;
	}
	if (!c->manner.tls_first) {
		err e = conn_write(c, c->service->refusal);
		(void)e; /* it is refused all the same */
	}
	c->stage = CONN_SERVED;
	conn_begin_close(c, refused);
}
