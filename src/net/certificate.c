#include "net/certificate.h"

#include <time.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"

typedef BIO *bio;
typedef X509 *x509;
static void bio_autoclose(bio *p) { BIO_free(*p); }
static void x509_autoclose(x509 *p) { X509_free(*p); }

static bool time_of(const ASN1_TIME *time, int64_t *out_ms)
{
	struct tm parts;

	if (ASN1_TIME_to_tm(time, &parts) != 1)
		return false;
	*out_ms = (int64_t)timegm(&parts) * 1000;
	return true;
}

err certificate_look(str chain, str hostname, struct certificate_facts *out)
{
	static const err none = { ERR_SYNTAX, 0, "no certificate in PEM form" };
	struct certificate_facts facts;

	AUTO(bio) in = BIO_new_mem_buf(chain.ptr, (int)chain.len);
	AUTO(x509) certificate = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	ERR_clear_error();
	if (!certificate || !time_of(X509_get0_notBefore(certificate), &facts.begins_ms) ||
	    !time_of(X509_get0_notAfter(certificate), &facts.ends_ms))
		return none;
	facts.self_signed = X509_self_signed(certificate, 0) == 1;
	facts.names_host = X509_check_host(certificate, hostname.ptr, hostname.len, 0, NULL) == 1;
	*out = facts;
	return OK;
}
