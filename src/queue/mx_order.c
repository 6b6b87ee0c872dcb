/* The part of mx.h that asks nobody. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "queue/mx.h"

bool mx_is_private(ip address)
{
	static const char *const networks[] = {
		"0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",    "169.254.0.0/16",
		"172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",   "::/127",         "64:ff9b:1::/48",
		"100::/64",        "2001:db8::/32",  "fc00::/7",      "fe80::/10",      "ff00::/8"
	};

	for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
		ip_network network;
		if (ip_network_parse(str_of(networks[i]), &network).code == ERR_OK && ip_in(address, network))
			return true;
	}
	return false;
}

/* Fisher and Yates. */
static void shuffle(struct mx_host *hosts, size_t count, uint64_t (*chance)(void))
{
	for (size_t i = count; i > 1; i--) {
		size_t j = (size_t)(chance() % i);
		struct mx_host one = hosts[i - 1];
		hosts[i - 1] = hosts[j];
		hosts[j] = one;
	}
}

/* Stable, so that the shuffled order stays among equals. */
static void sort_by_preference(struct mx_host *hosts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct mx_host one = hosts[i];
		size_t j = i;
		for (; j > 0 && hosts[j - 1].preference > one.preference; j--)
			hosts[j] = hosts[j - 1];
		hosts[j] = one;
	}
}

size_t mx_order(struct mx_host *hosts, size_t count, str hostname, uint64_t (*chance)(void))
{
	uint32_t cut = UINT32_MAX;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(hosts[i].name, hostname) && hosts[i].preference < cut)
			cut = hosts[i].preference;
	shuffle(hosts, count, chance);
	sort_by_preference(hosts, count);
	while (kept < count && hosts[kept].preference < cut)
		kept++;
	return kept;
}

static int by_name(const void *a, const void *b)
{
	const str *x = a, *y = b;
	int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

str mx_site(const struct mx_host *hosts, size_t count, char *room, size_t size)
{
	str names[LIMIT_MX_HOSTS];
	struct buf out;
	uint32_t sum = 0;
	bool whole = true;

	if (count > LIMIT_MX_HOSTS)
		count = LIMIT_MX_HOSTS;
	for (size_t i = 0; i < count; i++)
		names[i] = hosts[i].name;
	qsort(names, count, sizeof *names, by_name);
	buf_init_fixed(&out, room, size);
	for (size_t i = 0; i < count; i++) {
		whole = whole && out.len + names[i].len + 16 < size;
		sum = crc32c(sum, names[i]);
		if (!whole)
			continue;
		if (i > 0)
			buf_add_char(&out, ',');
		buf_add(&out, names[i]);
	}
	if (!whole) {
		buf_add_char(&out, '~');
		buf_add_u64(&out, sum);
	}
	return buf_str(&out);
}
