#include "smtp/client_hello.h"

#include "base/scan.h"

static const struct {
	str name;
	unsigned bit;
} extensions[] = {
	{ STR_INIT("PIPELINING"), HELLO_PIPELINING },
	{ STR_INIT("SIZE"), HELLO_SIZE },
	{ STR_INIT("8BITMIME"), HELLO_8BITMIME },
	{ STR_INIT("CHUNKING"), HELLO_CHUNKING },
	{ STR_INIT("BINARYMIME"), HELLO_BINARYMIME },
	{ STR_INIT("SMTPUTF8"), HELLO_SMTPUTF8 },
	{ STR_INIT("DSN"), HELLO_DSN },
	{ STR_INIT("STARTTLS"), HELLO_STARTTLS },
	{ STR_INIT("ENHANCEDSTATUSCODES"), HELLO_STATUS_CODES },
	{ STR_INIT("DELIVERBY"), HELLO_DELIVERBY },
	{ STR_INIT("MT-PRIORITY"), HELLO_PRIORITY },
	{ STR_INIT("FUTURERELEASE"), HELLO_FUTURERELEASE },
	{ STR_INIT("REQUIRETLS"), HELLO_REQUIRETLS },
}, mechanisms[] = {
	{ STR_INIT("PLAIN"), HELLO_AUTH_PLAIN },
	{ STR_INIT("LOGIN"), HELLO_AUTH_LOGIN },
	{ STR_INIT("CRAM-MD5"), HELLO_AUTH_CRAM_MD5 },
	{ STR_INIT("SCRAM-SHA-256"), HELLO_AUTH_SCRAM_SHA_256 },
	{ STR_INIT("XOAUTH2"), HELLO_AUTH_XOAUTH2 },
	{ STR_INIT("OAUTHBEARER"), HELLO_AUTH_OAUTHBEARER },
};

/* A number as far as it goes; over `most` it is `most`. */
static uint64_t number_of(str text, uint64_t most)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
		unsigned digit = (unsigned)(text.ptr[i] - '0');
		if (n > (most - digit) / 10)
			return most;
		n = n * 10 + digit;
	}
	return n;
}

/* "AUTH=LOGIN" is what some servers say beside or in place of "AUTH LOGIN". */
static void add_mechanisms(str words, struct smtp_hello *out)
{
	while (words.len > 0) {
		str word = str_cut(&words, ' ');
		for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
			if (str_eq_nocase(word, mechanisms[i].name))
				out->mechanisms |= mechanisms[i].bit;
	}
}

static void add_limits(str words, struct smtp_hello *out)
{
	while (words.len > 0) {
		str value = str_cut(&words, ' '), name = str_cut(&value, '=');
		uint32_t n = (uint32_t)number_of(value, UINT32_MAX);
		if (str_eq_nocase(name, STR("MAILMAX")))
			out->mail_max = n;
		else if (str_eq_nocase(name, STR("RCPTMAX")))
			out->rcpt_max = n;
		else if (str_eq_nocase(name, STR("RCPTDOMAINMAX")))
			out->rcpt_domain_max = n;
	}
}

static void add_line(str line, struct smtp_hello *out)
{
	str words = line, name = str_cut(&words, ' ');

	if (name.len > 5 && str_eq_nocase(str_slice(name, 0, 5), STR("AUTH="))) {
		add_mechanisms(str_from(line, 5), out);
		return;
	}
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
		if (str_eq_nocase(name, extensions[i].name))
			out->extensions |= extensions[i].bit;
	if (str_eq_nocase(name, STR("AUTH")))
		add_mechanisms(words, out);
	else if (str_eq_nocase(name, STR("LIMITS")))
		add_limits(words, out);
	else if (str_eq_nocase(name, STR("SIZE")))
		out->size = number_of(words, UINT64_MAX);
	else if (str_eq_nocase(name, STR("DELIVERBY")))
		out->by_min_s = (uint32_t)number_of(words, UINT32_MAX);
}

void smtp_hello_parse(str text, struct smtp_hello *out)
{
	*out = (struct smtp_hello){ 0 };
	str_cut(&text, '\n');
	while (text.len > 0)
		add_line(str_cut(&text, '\n'), out);
}
