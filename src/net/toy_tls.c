#include "net/toy_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct toy_tls {
	SSL_CTX *context;
	SSL *ssl;
};

struct toy_tls *toy_tls_connect(int fd)
{
	struct toy_tls *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->context = SSL_CTX_new(TLS_client_method());
	t->ssl = t->context ? SSL_new(t->context) : NULL;
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1 || SSL_connect(t->ssl) != 1) {
		toy_tls_free(t);
		return NULL;
	}
	return t;
}

static SSL_CTX *server_context(const struct tls_certificate *certificate)
{
	BIO *chain = BIO_new_mem_buf(certificate->chain.ptr, (int)certificate->chain.len);
	BIO *key = BIO_new_mem_buf(certificate->key.ptr, (int)certificate->key.len);
	X509 *x = PEM_read_bio_X509(chain, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context || SSL_CTX_use_certificate(context, x) != 1 || SSL_CTX_use_PrivateKey(context, k) != 1) {
		SSL_CTX_free(context);
		context = NULL;
	}
	X509_free(x);
	EVP_PKEY_free(k);
	BIO_free(chain);
	BIO_free(key);
	return context;
}

struct toy_tls *toy_tls_accept(int fd, const struct tls_certificate *certificate)
{
	struct toy_tls *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->context = server_context(certificate);
	t->ssl = t->context ? SSL_new(t->context) : NULL;
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1 || SSL_accept(t->ssl) != 1) {
		toy_tls_free(t);
		return NULL;
	}
	return t;
}

ssize_t toy_tls_receive(struct toy_tls *t, void *out, size_t size)
{
	size_t n = 0;

	if (SSL_read_ex(t->ssl, out, size, &n) == 1)
		return (ssize_t)n;
	return SSL_get_error(t->ssl, 0) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t toy_tls_send(struct toy_tls *t, const void *octets, size_t size)
{
	size_t n = 0;

	return SSL_write_ex(t->ssl, octets, size, &n) == 1 ? (ssize_t)n : -1;
}

void toy_tls_shutdown(struct toy_tls *t) { (void)SSL_shutdown(t->ssl); }

void toy_tls_free(struct toy_tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	free(t);
}

/* --- certificates --- */

static void must(bool good)
{
	if (good)
		return;
	(void)fputs("toy certificate: the library refused\n", stderr);
	abort();
}

static EVP_PKEY *make_key(enum toy_key kind)
{
	return kind == TOY_P256      ? EVP_EC_gen("P-256")
	       : kind == TOY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
	                             : EVP_RSA_gen(kind == TOY_RSA_1024 ? 1024 : 2048);
}

static str text_of(struct arena *arena, BIO *from)
{
	char *octets;
	str copy = { 0 };
	long size = BIO_get_mem_data(from, &octets);

	must(size > 0 && arena_copy(arena, (str){ octets, (size_t)size }, &copy).code == ERR_OK);
	BIO_free(from);
	return copy;
}

struct tls_certificate toy_certificate(struct arena *arena, const char *names, enum toy_key kind)
{
	EVP_PKEY *key = make_key(kind);
	X509 *x = X509_new();
	BIO *chain_out = BIO_new(BIO_s_mem()), *key_out = BIO_new(BIO_s_mem());
	X509_EXTENSION *alternatives =
		names ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names) : NULL;

	must(key && x && chain_out && key_out && (alternatives || !names));
	must(X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
	must(X509_gmtime_adj(X509_getm_notBefore(x), -60) && X509_gmtime_adj(X509_getm_notAfter(x), 86400));
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	                                (const unsigned char *)"common.example", -1, -1, 0));
	must(X509_set_issuer_name(x, X509_get_subject_name(x)) && X509_set_pubkey(x, key));
	must(!alternatives || X509_add_ext(x, alternatives, -1));
	must(X509_sign(x, key, kind == TOY_ED25519 ? NULL : EVP_sha256()) > 0);
	must(PEM_write_bio_X509(chain_out, x) &&
	     PEM_write_bio_PKCS8PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL));
	X509_EXTENSION_free(alternatives);
	X509_free(x);
	EVP_PKEY_free(key);
	return (struct tls_certificate){ .file = STR("toy.pem"),
		                         .chain = text_of(arena, chain_out),
		                         .key = text_of(arena, key_out) };
}
