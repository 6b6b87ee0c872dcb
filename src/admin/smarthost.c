#include "admin/smarthost.h"

#include "base/ip.h"
#include "deliver/address.h"

enum { WEIGHT_MOST = 1000 };

static err wrong(struct arena *arena, str host)
{
	return err_new(arena, ERR_SYNTAX,
	               "smarthost \"" STR_FMT "\": write it with its port, like smtp.provider.example:587",
	               STR_ARG(host));
}

/* "192.0.2.1" or "[2001:db8::1]", as ip_format_literal would not write it: without "IPv6:". */
static err address_text(struct arena *arena, ip address, str *out)
{
	struct buf text;

	buf_init(&text, arena, LIMIT_DOMAIN);
	buf_add(&text, ip_is_v4(address) ? STR("") : STR("["));
	ip_format(&text, address);
	buf_add(&text, ip_is_v4(address) ? STR("") : STR("]"));
	TRY(buf_err(&text));
	*out = buf_str(&text);
	return OK;
}

static err parse_host(struct arena *arena, str text, struct route_host *out)
{
	size_t colon = str_rfind_char(text, ':');
	uint64_t port = 0;
	ip address;

	if (colon == text.len || !str_to_u64(str_from(text, colon + 1), UINT16_MAX, &port) || port == 0)
		return wrong(arena, text);
	out->port = (uint16_t)port;
	if (ip_endpoint_parse(text, &address, &(uint16_t){ 0 }).code == ERR_OK)
		return address_text(arena, address, &out->name);
	err e = domain_normalise(arena, str_slice(text, 0, colon), &out->name);
	return e.code == ERR_OK ? OK : err_wrap(arena, e, "smarthost \"" STR_FMT "\"", STR_ARG(text));
}

static err parse_weight(struct arena *arena, str text, uint32_t *out)
{
	uint64_t weight = 0;

	if (!str_to_u64(str_trim_wsp(text), WEIGHT_MOST, &weight) || weight == 0)
		return err_new(arena, ERR_SYNTAX,
		               "weight \"" STR_FMT "\": it is a number from 1 to %d, like a.example:587=3",
		               STR_ARG(text), WEIGHT_MOST);
	*out = (uint32_t)weight;
	return OK;
}

err smarthosts_parse(struct arena *arena, str text, struct route_host hosts[static LIMIT_ROUTE_HOSTS],
                     size_t *count)
{
	str rest = text;
	size_t n = 0;

	do {
		if (n == LIMIT_ROUTE_HOSTS)
			return err_new(arena, ERR_LIMIT, "a route has at most %u smarthosts",
			               LIMIT_ROUTE_HOSTS);
		str one = str_cut(&rest, ',');
		size_t equals = str_find_char(one, '=');
		hosts[n] = (struct route_host){ 0 };
		TRY(parse_host(arena, str_trim_wsp(str_slice(one, 0, equals)), &hosts[n]));
		if (equals < one.len)
			TRY(parse_weight(arena, str_from(one, equals + 1), &hosts[n].weight));
		if ((hosts[n].weight == 0) != (hosts[0].weight == 0))
			return err_new(arena, ERR_SYNTAX,
			               "smarthosts " STR_FMT ": give each of them a weight, or none",
			               STR_ARG(text));
		n++;
	} while (rest.len);
	*count = n;
	return OK;
}

void smarthost_add(struct buf *out, const struct route_host *host)
{
	buf_add(out, host->name);
	buf_add_char(out, ':');
	buf_add_u64(out, host->port);
}
