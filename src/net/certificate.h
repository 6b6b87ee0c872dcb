/* net/certificate.h: what a person wants to know of a certificate before a client complains about it. */
#ifndef NET_CERTIFICATE_H
#define NET_CERTIFICATE_H

#include "base/arena.h"

struct certificate_facts {
	int64_t begins_ms, ends_ms; /* when it is valid */
	bool self_signed;           /* no authority vouches for it */
	bool names_host;            /* a client that asks for the host name finds it there */
};

/* Looks at the first certificate of `chain` (PEM). ERR_SYNTAX there is none. Blocks for less than a
 * millisecond; any thread. */
err certificate_look(str chain, str hostname, struct certificate_facts *out) MUST_USE;

#endif
