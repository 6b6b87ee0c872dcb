#include "store/route_entry.h"

#include "base/bytes.h"

enum { FORMAT = 1, FLAG_LMTP = 1 };

static const err damaged = { ERR_CORRUPT, 0, "a route is damaged" };

str route_key(char octets[static ROUTE_KEY], str recipient, str sender)
{
	struct buf key;

	assert(recipient.len <= LIMIT_DOMAIN + 2);
	assert(sender.len <= LIMIT_DOMAIN);
	buf_init_fixed(&key, octets, ROUTE_KEY);
	buf_add(&key, recipient);
	buf_add(&key, sender.len ? STR(" ") : STR(""));
	buf_add(&key, sender);
	return buf_str(&key);
}

void route_encode(struct buf *out, const struct route_entry *r)
{
	buf_add_varint(out, FORMAT);
	buf_add_varint(out, r->lmtp ? FLAG_LMTP : 0);
	buf_add_varint(out, r->tls);
	buf_add_counted(out, r->user);
	buf_add_counted(out, r->secret);
	buf_add_counted(out, r->token_command);
	for (int i = 0; i < ROUTE_PERIODS; i++)
		buf_add_varint(out, r->limits[i]);
	buf_add_varint(out, r->host_count);
	for (size_t i = 0; i < r->host_count; i++) {
		buf_add_counted(out, r->hosts[i].name);
		buf_add_varint(out, r->hosts[i].port);
		buf_add_varint(out, r->hosts[i].weight);
	}
}

static bool next_u32(str *in, uint64_t most, uint32_t *out)
{
	uint64_t n;

	if (!bytes_varint(in, &n) || n > most)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool next_hosts(str *in, struct route_host *hosts, size_t *count)
{
	uint32_t n, port;

	if (!next_u32(in, LIMIT_ROUTE_HOSTS, &n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!bytes_counted(in, &hosts[i].name) || hosts[i].name.len > LIMIT_DOMAIN ||
		    !next_u32(in, UINT16_MAX, &port) || port == 0 ||
		    !next_u32(in, UINT32_MAX, &hosts[i].weight))
			return false;
		hosts[i].port = (uint16_t)port;
	}
	*count = n;
	return true;
}

err route_decode(str key, str details, struct route_host hosts[static LIMIT_ROUTE_HOSTS],
                 struct route_entry *out)
{
	struct route_entry r = { .key = key, .sender = key, .hosts = hosts };
	uint32_t format, flags, tls;

	r.recipient = str_cut(&r.sender, ' ');
	if (r.recipient.len == 0 || r.recipient.len > LIMIT_DOMAIN + 2 || r.sender.len > LIMIT_DOMAIN ||
	    !next_u32(&details, FORMAT, &format) || format != FORMAT ||
	    !next_u32(&details, FLAG_LMTP, &flags) || !next_u32(&details, ROUTE_TLS_VERIFY, &tls) ||
	    !bytes_counted(&details, &r.user) || !bytes_counted(&details, &r.secret) ||
	    !bytes_counted(&details, &r.token_command))
		return damaged;
	for (int i = 0; i < ROUTE_PERIODS; i++)
		if (!next_u32(&details, UINT32_MAX, &r.limits[i]))
			return damaged;
	if (!next_hosts(&details, hosts, &r.host_count) || details.len)
		return damaged;
	r.lmtp = flags & FLAG_LMTP;
	r.tls = (enum route_tls)tls;
	*out = r;
	return OK;
}
