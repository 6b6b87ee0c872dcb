#include "base/clock.h"
#include "base/file.h"
#include "cli/doctor_internal.h"
#include "net/certificate.h"
#include "net/dial.h"
#include "net/tls.h"

enum { SOON_DAYS = 21 }; /* certbot renews 30 days before: nine days of failing are worth a word */
static const int64_t day_ms = 86400000;

struct doctor_certificate {
	struct tls_certificate pem;
	err unread;
};

void read_certificates(struct doctor *d)
{
	const struct config_certificates *named = &d->config->certificates;

	d->certificates = arena_new(d->line->arena, struct doctor_certificate, named->count + 1);
	for (size_t i = 0; d->certificates && i < named->count; i++) {
		struct doctor_certificate *c = &d->certificates[i];
		c->pem.file = named->item[i].certificate;
		c->unread = file_read_all(d->line->arena, named->item[i].certificate, LIMIT_KEY_FILE,
		                          &c->pem.chain);
		if (c->unread.code == ERR_OK)
			c->unread = file_read_all(d->line->arena, named->item[i].key, LIMIT_KEY_FILE,
			                          &c->pem.key);
	}
}

/* Also true where the files can't be read: nobody knows better then. */
bool shows_what_is_on_disk(const struct doctor *d, const struct dial *dial)
{
	for (size_t i = 0; d->certificates && i < d->config->certificates.count; i++)
		if (d->certificates[i].unread.code != ERR_OK ||
		    dial_shows(dial, d->certificates[i].pem.chain))
			return true;
	return false;
}

static void judge_time(struct doctor *d, str path, const struct certificate_facts *facts)
{
	static const char remedy[] =
		"renew it (certbot renew), then reload: kill -HUP or systemctl reload postrider";
	int64_t now_ms = clock_now(), days = (facts->ends_ms - now_ms) / day_ms;

	if (now_ms >= facts->ends_ms)
		check_add(d, "certificate", CHECK_ERROR, remedy, STR_FMT " expired %lld days ago",
		          STR_ARG(path), (long long)-days);
	else if (now_ms < facts->begins_ms)
		check_add(d, "certificate", CHECK_ERROR, "see whether the machine's clock is right",
		          STR_FMT " is not valid yet", STR_ARG(path));
	else if (days < SOON_DAYS)
		check_add(d, "certificate", CHECK_WARNING, remedy, STR_FMT " expires in %lld days",
		          STR_ARG(path), (long long)days);
	else if (facts->self_signed)
		check_add(d, "certificate", CHECK_WARNING,
		          "get one from an authority (certbot certonly) and name its files in "
		          "[[tls.certificates]]",
		          STR_FMT " is self-signed: other servers take it, people's mail programs warn of it",
		          STR_ARG(path));
	else
		check_add(d, "certificate", CHECK_OK, NULL, STR_FMT " is valid for %lld more days",
		          STR_ARG(path), (long long)days);
}

/* True where it names the host. */
static bool judge(struct doctor *d, const struct doctor_certificate *c)
{
	struct certificate_facts facts;

	if (c->unread.code != ERR_OK) {
		bool denied = c->unread.code == ERR_DENIED;
		check_add(d, "certificate", denied ? CHECK_WARNING : CHECK_ERROR,
		          denied ? "run doctor as root, who may read it"
		                 : "see to tls.certificates in the configuration",
		          "%s", c->unread.what);
		return denied; /* it may well */
	}
	err e = tls_check(d->line->arena, &c->pem, 1);
	if (e.code == ERR_OK)
		e = certificate_look(c->pem.chain, d->config->hostname, &facts);
	if (e.code != ERR_OK) {
		check_add(d, "certificate", CHECK_ERROR, "put the right file in its place", "%s", e.what);
		return false;
	}
	judge_time(d, c->pem.file, &facts);
	return facts.names_host;
}

void check_certificates(struct doctor *d)
{
	size_t count = d->config->certificates.count;
	bool named = false;

	if (count == 0) {
		check_add(d, "certificate", CHECK_WARNING, "name one in [[tls.certificates]]",
		          "there is none: mail comes in the clear, and nobody can log in from elsewhere");
		return;
	}
	for (size_t i = 0; d->certificates && i < count; i++)
		named = judge(d, &d->certificates[i]) || named;
	if (!named)
		check_add(d, "certificate", CHECK_WARNING, "get one for that name, or correct hostname",
		          "none is for " STR_FMT ", the name by which others reach this machine",
		          STR_ARG(d->config->hostname));
}
