#include "cli/dns_records.h"

enum { RECORDS_MOST = 256, NAME_OCTETS = 512 };

bool dns_is_public(ip address)
{
	static const char *const others[] = { "0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10",
		                              "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
		                              "192.168.0.0/16", "224.0.0.0/3",    "::/127",
		                              "fc00::/7",       "fe80::/10",      "ff00::/8" };

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		ip_network network;
		if (ip_network_parse(str_of(others[i]), &network).code == ERR_OK && ip_in(address, network))
			return false;
	}
	return true;
}

struct writer {
	struct arena *arena;
	struct dns_records *out;
};

static void begin(struct writer *w, struct buf *name, struct buf *value)
{
	buf_init(name, w->arena, NAME_OCTETS);
	buf_init(value, w->arena, NAME_OCTETS);
}

static err add(struct writer *w, const struct buf *name, const char *type, const struct buf *value,
               const char *why)
{
	TRY(buf_err(name));
	TRY(buf_err(value));
	if (w->out->count < RECORDS_MOST)
		w->out->items[w->out->count++] =
			(struct dns_record){ buf_str(name), type, buf_str(value), why };
	return OK;
}

static void add_name(struct buf *out, str name)
{
	buf_add(out, name);
	buf_add_char(out, '.');
}

static err add_mx(struct writer *w, const struct config *config, str domain)
{
	struct buf name, value;

	begin(w, &name, &value);
	add_name(&name, domain);
	buf_add(&value, STR("10 "));
	add_name(&value, config->hostname);
	return add(w, &name, "MX", &value, "mail for the domain goes to this server");
}

/* One or none; none is a record of which the owner alone knows the value. */
static err add_address(struct writer *w, const struct config *config, const ip *address)
{
	struct buf name, value;

	begin(w, &name, &value);
	add_name(&name, config->hostname);
	if (address)
		ip_format(&value, *address);
	return add(w, &name, address && !ip_is_v4(*address) ? "AAAA" : "A", &value,
	           "where this server is found");
}

/* 192.0.2.25 is 25.2.0.192.in-addr.arpa, IPv6 goes by half octets (RFC 1035 §3.5, RFC 3596 §2.5). */
static err add_reverse(struct writer *w, const struct config *config, ip address)
{
	static const char digits[] = "0123456789abcdef";
	struct buf name, value;

	begin(w, &name, &value);
	for (int i = 15; ip_is_v4(address) && i >= 12; i--)
		buf_add_format(&name, "%u.", address.octets[i]);
	for (int i = 15; !ip_is_v4(address) && i >= 0; i--)
		buf_add_format(&name, "%c.%c.", digits[address.octets[i] & 15],
		               digits[address.octets[i] >> 4]);
	buf_add(&name, ip_is_v4(address) ? STR("in-addr.arpa.") : STR("ip6.arpa."));
	add_name(&value, config->hostname);
	return add(w, &name, "PTR", &value,
	           "other servers distrust an address without it; whoever rents you the "
	           "address sets it");
}

/* Who may send in the domain's name, and what a greeting of ours and the null reverse-path are held against
 * (RFC 7208 §2.3, §2.4). The soft end is for a provider that sends too and is not named yet. */
static err add_spf(struct writer *w, const struct config *config, str domain)
{
	struct buf name, value;

	begin(w, &name, &value);
	add_name(&name, domain);
	buf_add(&value, STR("\"v=spf1 mx ~all\""));
	TRY(add(w, &name, "TXT", &value,
	        "mail in the domain's name comes from this server; a provider that sends too gives you an "
	        "include: to put before ~all"));
	if (str_eq(domain, config->hostname))
		return OK;
	begin(w, &name, &value);
	add_name(&name, config->hostname);
	buf_add(&value, STR("\"v=spf1 a -all\""));
	return add(w, &name, "TXT", &value, "the same for what this server says in its own name");
}

/* Mail programs find their servers by these; what listens on loopback only is for nobody else. */
static err add_services(struct writer *w, const struct config *config, str domain)
{
	static const struct {
		const char *service;
		enum config_protocol protocol;
		unsigned priority; /* TLS from the first octet goes first */
	} services[] = {
		{ "submissions", CONFIG_SUBMISSIONS, 0 },
		{ "submission", CONFIG_SUBMISSION, 10 },
		{ "imaps", CONFIG_IMAPS, 0 },
		{ "imap", CONFIG_IMAP, 10 },
		{ "pop3s", CONFIG_POP3S, 20 },
		{ "pop3", CONFIG_POP3, 30 },
	};

	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
		const struct config_listeners *l = &config->listen[services[i].protocol];
		for (size_t k = 0; k < l->count; k++) {
			struct buf name, value;
			if (l->item[k].path.len || ip_is_loopback(l->item[k].address))
				continue;
			begin(w, &name, &value);
			buf_add_format(&name, "_%s._tcp.", services[i].service);
			add_name(&name, domain);
			buf_add_format(&value, "%u 1 %u ", services[i].priority, l->item[k].port);
			add_name(&value, config->hostname);
			TRY(add(w, &name, "SRV", &value, "mail programs find the server by it"));
			break;
		}
	}
	return OK;
}

err dns_records_make(struct arena *arena, const struct config *config, str domain, const ip *addresses,
                     size_t count, struct dns_records *out)
{
	struct dns_records records = { .items = arena_new(arena, struct dns_record, RECORDS_MOST) };
	struct writer w = { arena, &records };

	if (!records.items)
		return ERR_NO_MEMORY;
	TRY(add_mx(&w, config, domain));
	if (count == 0)
		TRY(add_address(&w, config, NULL));
	for (size_t i = 0; i < count; i++)
		TRY(add_address(&w, config, &addresses[i]));
	for (size_t i = 0; i < count; i++)
		TRY(add_reverse(&w, config, addresses[i]));
	TRY(add_spf(&w, config, domain));
	TRY(add_services(&w, config, domain));
	*out = records;
	return OK;
}
