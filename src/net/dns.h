/* net/dns.h: asking the DNS, by libunbound: recursing and validating itself, or through the resolvers given.
 *
 * One context a process with a thread of its own and a cache; its descriptor is polled by one loop, and each
 * answer goes to the loop that asked. Done comes always, once, never from within dns_ask. An answer is data:
 * who asks decides what a name without a record, or one whose signatures do not hold, means to him.
 *
 * RFC 1035, RFC 4035 (validation). Names are A-labels without the dot at their end.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/ip.h"
#include "net/link.h"
#include "net/loop.h"

struct dns;

struct dns_server {
	ip address;
	uint16_t port;
};

struct dns_options {
	const struct dns_server *servers; /* none: recurse from the root */
	size_t server_count;
	/* Trust anchors in zone file format. Empty: the system's root anchor where no servers are given, and
	 * none where they are: their answers are insecure then. */
	str trust_anchor_file;
};

enum dns_type { DNS_A = 1, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

enum dns_status {
	DNS_FOUND,
	DNS_NO_DATA,   /* the name is there and has no such record */
	DNS_NO_NAME,   /* there is no such name (RFC 8020) */
	DNS_TEMPORARY, /* no server answered, or with a failure */
	DNS_BOGUS,     /* signatures that do not hold: temporary too, and worth saying so */
};

struct dns_question {
	/* given; borrowed until done */
	str name; /* <= LIMIT_DOMAIN */
	enum dns_type type;
	void (*done)(struct dns_question *question); /* on the loop that asked */
	/* answers, until done returns */
	enum dns_status status;
	bool secure; /* validated up to a trust anchor */
	uint32_t ttl_s;
	const char *why;  /* BOGUS: what does not hold; may be NULL */
	const str *rdata; /* of each record, as on the wire with names uncompressed */
	size_t count;
	str canonical; /* the name that the records belong to, where a CNAME led there; else empty */
	/* private */
	struct dns *dns;
	struct loop *loop;
	struct link link; /* among those that the library has */
	int async_id;
	struct post post;
	void *result;
	str *rdata_room;
};

/* Before the loops run. `loop` polls for answers. ERR_NOSPACE   ERR_IO, ERR_SYNTAX: an anchor file can't be
 * read (the sentence is in `arena`). */
err dns_new(struct arena *arena, struct loop *loop, const struct dns_options *options,
            struct dns **out) MUST_USE;

/* Loop thread. */
void dns_ask(struct dns *dns, struct dns_question *question);

/* Any thread, once: ends polling; questions under way are answered DNS_TEMPORARY, and later ones at once.
 * `stopped` comes on the polling loop. For before the loops stop. */
void dns_stop(struct dns *dns, void (*stopped)(void *user), void *user);

/* After dns_stop and the loops' end, or where the loops never ran. NULL is legal. */
void dns_free(struct dns *dns);

/* --- records as they are on the wire (pure) --- */

/* Reads an address out of an A or AAAA record. False: not one. */
bool dns_parse_address(enum dns_type type, str rdata, ip *out);

/* Reads an MX record (RFC 1035 §3.3.9): its name in text form, lower case, without the dot at the end, into
 * `room` of LIMIT_DOMAIN + 1 octets; "" for the root, which says that no mail is taken (RFC 7505). False: not
 * one, or a label with octets that no host name has. */
bool dns_parse_mx(str rdata, uint16_t *preference, char *room, str *name);

#endif
