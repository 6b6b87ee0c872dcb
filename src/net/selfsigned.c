#include "net/selfsigned.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

enum { VALID_DAYS = 3652, BACKDATE_S = 3600, SERIAL_OCTETS = 16, COMMON_NAME_MAX = 64 };

typedef EVP_PKEY *pkey;
typedef X509 *x509;
typedef X509_EXTENSION *extension;
typedef BIO *bio;
static void pkey_autoclose(pkey *p) { EVP_PKEY_free(*p); }
static void x509_autoclose(x509 *p) { X509_free(*p); }
static void extension_autoclose(extension *p) { X509_EXTENSION_free(*p); }
static void bio_autoclose(bio *p) { BIO_free(*p); }

static const err library_err = { ERR_IO, 0, "the TLS library could not make a certificate" };

static bool is_host_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.';
}

/* Letters, digits and hyphens only: the name goes into the extension's own little language, where a comma
 * would begin another name. */
static bool is_hostname(str s)
{
	if (s.len == 0 || s.len > LIMIT_DOMAIN || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_host_octet(s.ptr[i]))
			return false;
	return true;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	AUTO(extension) e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	return e && X509_add_ext(certificate, e, -1);
}

/* 127 random bits: unique without remembering any (RFC 5280 §4.1.2.2). */
static bool set_serial(X509 *certificate)
{
	unsigned char octets[SERIAL_OCTETS];

	if (RAND_bytes(octets, sizeof octets) != 1)
		return false;
	octets[0] = (unsigned char)((octets[0] & 0x7f) | 0x40);
	BIGNUM *n = BN_bin2bn(octets, sizeof octets, NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(certificate));
	BN_free(n);
	return ok;
}

static bool set_names(X509 *certificate, str hostname)
{
	X509_NAME *name = X509_get_subject_name(certificate);
	char value[LIMIT_DOMAIN + 32];
	struct buf b;

	/* A longer name than X.520 allows stands in subjectAltName alone, where everybody looks first, and
	 * which is critical then (RFC 5280 §4.2.1.6). */
	bool in_subject = hostname.len <= COMMON_NAME_MAX;
	if (in_subject &&
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)hostname.ptr,
	                                (int)hostname.len, -1, 0))
		return false;
	buf_init_fixed(&b, value, sizeof value);
	buf_add(&b, in_subject ? STR("DNS:") : STR("critical,DNS:"));
	buf_add(&b, hostname);
	buf_add_char(&b, '\0');
	return buf_err(&b).code == ERR_OK && X509_set_issuer_name(certificate, name) &&
	       add_extension(certificate, NID_subject_alt_name, value);
}

static bool fill_in(X509 *certificate, EVP_PKEY *key, str hostname)
{
	return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATE_S) &&
	       X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL) &&
	       X509_set_pubkey(certificate, key) && set_names(certificate, hostname) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_extension(certificate, NID_subject_key_identifier, "hash") &&
	       X509_sign(certificate, key, EVP_sha256()) > 0;
}

static err text_of(struct arena *arena, BIO *b, str *out)
{
	char *octets;
	long len = BIO_get_mem_data(b, &octets);

	if (len <= 0)
		return library_err;
	return arena_copy(arena, (str){ octets, (size_t)len }, out);
}

err certificate_make_self_signed(struct arena *arena, str hostname, str *certificate_pem, str *key_pem)
{
	str certificate_text, key_text;

	if (!is_hostname(hostname))
		return (err){ ERR_SYNTAX, 0, "not a host name" };
	AUTO(pkey) key = EVP_EC_gen("P-256");
	AUTO(x509) certificate = X509_new();
	AUTO(bio) certificate_out = BIO_new(BIO_s_mem());
	AUTO(bio) key_out = BIO_new(BIO_s_secmem());
	if (!key || !certificate || !certificate_out || !key_out || !fill_in(certificate, key, hostname) ||
	    !PEM_write_bio_X509(certificate_out, certificate) ||
	    !PEM_write_bio_PKCS8PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL))
		return library_err;
	TRY(text_of(arena, certificate_out, &certificate_text));
	TRY(text_of(arena, key_out, &key_text));
	*certificate_pem = certificate_text;
	*key_pem = key_text;
	return OK;
}
