#include "net/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/table.h"
#include "net/ticket_keys.h"
#include "net/tls_internal.h"

static const char ciphers_of_12[] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES", groups[] = "X25519:P-256:P-384";
enum { SECURITY_LEVEL = 2 }; /* 112 bits: RSA from 2,048 (NIST SP 800-57) */

/* The certificates of one load: never changed, replaced as a whole. */
struct tls_set {
	SSL_CTX **contexts;
	size_t count;
	struct table names; /* lower-case name or wildcard → context */
	size_t name_count;
	struct arena arena;
};

struct tls {
	pthread_mutex_t lock; /* guards all below; held for look-ups only */
	struct tls_set *set;  /* NULL: none yet */
	struct ticket_keys keys;
	char *keys_path; /* NULL: they are not kept */
	BIO_METHOD *bio_method;
};

typedef BIO *bio;
typedef X509 *x509;
typedef EVP_PKEY *pkey;
static void bio_autoclose(bio *p) { BIO_free(*p); }
static void x509_autoclose(x509 *p) { X509_free(*p); }
static void pkey_autoclose(pkey *p) { EVP_PKEY_free(*p); }

/* --- names --- */

static str lower(struct arena *arena, str name)
{
	char *octets = arena_alloc(arena, name.len + 1);

	for (size_t i = 0; octets && i < name.len; i++)
		octets[i] = ascii_lower(name.ptr[i]);
	return octets ? (str){ octets, name.len } : STR("");
}

/* The first certificate that has a name keeps it. */
static err add_name(struct tls_set *set, const ASN1_STRING *name, SSL_CTX *context)
{
	str octets = { (const char *)ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name) };

	if (octets.len == 0 || octets.len > LIMIT_DOMAIN || str_find_char(octets, '\0') < octets.len)
		return OK; /* no client asks for it */
	if (++set->name_count > LIMIT_SNI_NAMES)
		return (err){ ERR_LIMIT, LIMIT_SNI_NAMES, "the certificates have more than 10,000 names" };
	str key = lower(&set->arena, octets);
	if (key.len == 0)
		return ERR_NO_MEMORY;
	return table_get(&set->names, key) ? OK : table_set(&set->names, key, context);
}

static err add_common_name(struct tls_set *set, X509 *certificate, SSL_CTX *context)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	return at < 0 ? OK
	              : add_name(set, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), context);
}

static err add_names(struct tls_set *set, X509 *certificate, SSL_CTX *context)
{
	GENERAL_NAMES *alternatives = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	err e = OK;

	if (!alternatives)
		return add_common_name(set, certificate, context);
	for (int i = 0; i < sk_GENERAL_NAME_num(alternatives) && e.code == ERR_OK; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);
		if (name->type == GEN_DNS)
			e = add_name(set, name->d.dNSName, context);
	}
	GENERAL_NAMES_free(alternatives);
	return e;
}

/* RFC 9525 §6.3: a wildcard stands for the whole first label. */
static SSL_CTX *find_name(const struct tls_set *set, str name)
{
	char octets[1 + LIMIT_DOMAIN];

	if (name.len == 0 || name.len > LIMIT_DOMAIN)
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		octets[1 + i] = ascii_lower(name.ptr[i]);
	str exact = { octets + 1, name.len };
	SSL_CTX *found = table_get(&set->names, exact);
	size_t dot = str_find_char(exact, '.');
	if (found || dot == 0 || dot == exact.len)
		return found;
	octets[dot] = '*'; /* over the first label's last octet */
	return table_get(&set->names, str_from((str){ octets, 1 + name.len }, dot));
}

static int choose(SSL *ssl, int *alert, void *user)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls *tls = user;

	(void)alert;
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	pthread_mutex_lock(&tls->lock);
	SSL_CTX *context = tls->set ? find_name(tls->set, str_of(name)) : NULL;
	/* A name that nobody has gets the first certificate: many clients ask for what they were told to
	 * connect to and do not check. */
	bool chosen = context && SSL_set_SSL_CTX(ssl, context);
	pthread_mutex_unlock(&tls->lock);
	return chosen ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* --- tickets --- */

static bool seal_with(const struct ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int sealing)
{
	static char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
		                                  sizeof key->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
	       EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, sealing) == 1;
}

/* OpenSSL's contract: sealing, 1 done; opening, 0 no such key, 1 done, 2 done and a new ticket is wanted. */
static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int sealing)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_key key;

	pthread_mutex_lock(&tls->lock);
	const struct ticket_key *found = sealing ? &tls->keys.item[0] : ticket_keys_find(&tls->keys, name);
	bool newest = found == &tls->keys.item[0];
	if (found)
		key = *found;
	pthread_mutex_unlock(&tls->lock);
	if (!found)
		return 0;
	if (sealing)
		memcpy(name, key.name, sizeof key.name);
	bool done = (!sealing || RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1) &&
	            seal_with(&key, iv, cipher, mac, sealing);
	explicit_bzero(&key, sizeof key);
	if (!done)
		return -1;
	/* Clients of 1.3 use a ticket once (RFC 8446 appendix C.4), so that nobody can follow them by it. */
	return sealing || (newest && SSL_version(ssl) != TLS1_3_VERSION) ? 1 : 2;
}

static err save_keys(struct arena *arena, str path, const struct ticket_keys *keys)
{
	struct buf text;

	buf_init(&text, arena, LIMIT_KB);
	ticket_keys_format(&text, keys);
	TRY(buf_err(&text));
	err e = file_replace(arena, path, buf_str(&text), 0600);
	explicit_bzero(text.ptr, text.len);
	return e;
}

err tls_tickets_turn(struct tls *tls, struct arena *arena, int64_t *next_ms)
{
	struct ticket_keys keys;

	pthread_mutex_lock(&tls->lock);
	bool changed = ticket_keys_turn(&tls->keys, clock_now());
	keys = tls->keys;
	pthread_mutex_unlock(&tls->lock);
	*next_ms = ticket_keys_next_ms(&keys);
	err e = changed && tls->keys_path ? save_keys(arena, str_of(tls->keys_path), &keys) : OK;
	explicit_bzero(&keys, sizeof keys);
	return e;
}

err tls_tickets_open(struct tls *tls, struct arena *arena, str path)
{
	struct ticket_keys keys = { 0 };
	int64_t next_ms;
	str octets;

	assert(!tls->keys_path);
	tls->keys_path = strndup(path.ptr, path.len);
	if (!tls->keys_path)
		return ERR_NO_MEMORY;
	err e = file_read_all(arena, path, LIMIT_KB, &octets);
	if (e.code == ERR_OK)
		e = ticket_keys_parse(octets, &keys);
	(void)e; /* without them clients shake hands in full, once */
	pthread_mutex_lock(&tls->lock);
	tls->keys = keys;
	pthread_mutex_unlock(&tls->lock);
	explicit_bzero(&keys, sizeof keys);
	return tls_tickets_turn(tls, arena, &next_ms);
}

/* --- certificates --- */

static int no_passphrase(char *out, int size, int writing, void *user)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)user;
	return 0;
}

static err library_err(struct arena *arena, const struct tls_certificate *item, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return err_new(arena, ERR_SYNTAX, STR_FMT ": %s%s%s", STR_ARG(item->file), what, reason ? ": " : "",
	               reason ? reason : "");
}

static err use_chain(struct arena *arena, SSL_CTX *context, BIO *in, const struct tls_certificate *item)
{
	for (;;) {
		AUTO(x509) next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
		if (!next && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
			return OK; /* the end */
		if (!next)
			return library_err(arena, item, "a certificate of the chain can't be read");
		if (SSL_CTX_add1_chain_cert(context, next) != 1)
			return library_err(arena, item, "a certificate of the chain can't be used");
	}
}

static err use_certificate(struct arena *arena, struct tls_set *set, SSL_CTX *context,
                           const struct tls_certificate *item)
{
	AUTO(bio) chain = BIO_new_mem_buf(item->chain.ptr, (int)item->chain.len);
	AUTO(bio) key_in = BIO_new_mem_buf(item->key.ptr, (int)item->key.len);

	if (!chain || !key_in)
		return ERR_NO_MEMORY;
	ERR_clear_error();
	AUTO(x509) certificate = PEM_read_bio_X509(chain, NULL, no_passphrase, NULL);
	if (!certificate)
		return library_err(arena, item, "no certificate in PEM form");
	AUTO(pkey) key = PEM_read_bio_PrivateKey(key_in, NULL, no_passphrase, NULL);
	if (!key)
		return library_err(arena, item, "its key is none in PEM form without a passphrase");
	if (X509_check_private_key(certificate, key) != 1)
		return err_new(
			arena, ERR_SYNTAX,
			STR_FMT
			": the key belongs to another certificate; name the two that were made together",
			STR_ARG(item->file));
	if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1)
		return library_err(arena, item, "it can't be used");
	TRY(use_chain(arena, context, chain, item));
	return add_names(set, certificate, context);
}

static const ASN1_OCTET_STRING *names_of(const X509 *certificate)
{
	int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);

	return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(certificate, at));
}

/* One of RSA beside one of ECDSA: the context that has the same names already gets this certificate too, and
 * the library shows what the client can read. Where it has one of that kind of key, nothing changes. */
static void join_twin(struct tls_set *set, SSL_CTX *context)
{
	X509 *certificate = SSL_CTX_get0_certificate(context);
	const ASN1_OCTET_STRING *names = names_of(certificate);
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(context, &chain);
	for (size_t i = 0; names && set->contexts[i] != context; i++) {
		const ASN1_OCTET_STRING *others = names_of(SSL_CTX_get0_certificate(set->contexts[i]));
		if (!others || ASN1_OCTET_STRING_cmp(names, others) != 0)
			continue;
		(void)SSL_CTX_use_cert_and_key(set->contexts[i], certificate,
		                               SSL_CTX_get0_privatekey(context), chain, 0);
		return;
	}
}

static bool set_up(SSL_CTX *context, struct tls *tls)
{
	static const unsigned char id[] = "postrider";

	SSL_CTX_set_app_data(context, tls);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                  SSL_MODE_RELEASE_BUFFERS);
	/* Our order of ciphers, but for a client that has no hardware for AES. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets carry what would be in it */
	SSL_CTX_set_timeout(context, LIMIT_TICKET_S);
	SSL_CTX_set_tlsext_servername_arg(context, tls);
	SSL_CTX_set_tlsext_servername_callback(context, choose);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(context, ciphers_of_12) == 1 &&
	       SSL_CTX_set1_groups_list(context, groups) == 1 &&
	       SSL_CTX_set_session_id_context(context, id, sizeof id - 1) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key) == 1;
}

static void set_free(struct tls_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		SSL_CTX_free(set->contexts[i]);
	free(set->contexts);
	table_fini(&set->names);
	arena_reset(&set->arena);
	free(set);
}

static err fill(struct tls_set *set, struct tls *tls, struct arena *arena,
                const struct tls_certificate *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		SSL_CTX *context = SSL_CTX_new(TLS_server_method());
		if (!context)
			return ERR_NO_MEMORY;
		set->contexts[set->count++] = context;
		if (!set_up(context, tls))
			return library_err(arena, &items[i], "the TLS library can't be set up");
		TRY(use_certificate(arena, set, context, &items[i]));
		join_twin(set, context);
	}
	return OK;
}

static err set_make(struct tls *tls, struct arena *arena, const struct tls_certificate *items, size_t count,
                    struct tls_set **out)
{
	struct tls_set *set = calloc(1, sizeof *set);

	if (!set)
		return ERR_NO_MEMORY;
	arena_init(&set->arena, NULL, LIMIT_SNI_NAMES * (LIMIT_DOMAIN + 32));
	set->contexts = calloc(count ? count : 1, sizeof *set->contexts);
	err e = set->contexts ? fill(set, tls, arena, items, count) : ERR_NO_MEMORY;
	ERR_clear_error();
	if (e.code != ERR_OK) {
		set_free(set);
		return e;
	}
	*out = set;
	return OK;
}

err tls_check(struct arena *arena, const struct tls_certificate *items, size_t count)
{
	struct tls_set *set;

	TRY(set_make(NULL, arena, items, count, &set));
	set_free(set);
	return OK;
}

err tls_load(struct tls *tls, struct arena *arena, const struct tls_certificate *items, size_t count)
{
	struct tls_set *set = NULL;

	if (count)
		TRY(set_make(tls, arena, items, count, &set));
	pthread_mutex_lock(&tls->lock);
	struct tls_set *former = tls->set;
	tls->set = set;
	pthread_mutex_unlock(&tls->lock);
	set_free(former); /* connections hold the contexts they began with */
	return OK;
}

/* --- life --- */

err tls_new(struct tls **out)
{
	struct tls *tls = calloc(1, sizeof *tls);

	if (!tls)
		return ERR_NO_MEMORY;
	tls->bio_method = conn_tls_bio_method();
	if (!tls->bio_method) {
		free(tls);
		return ERR_NO_MEMORY;
	}
	pthread_mutex_init(&tls->lock, NULL);
	ticket_keys_turn(&tls->keys, clock_now());
	*out = tls;
	return OK;
}

bool tls_is_loaded(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	bool loaded = tls->set != NULL;
	pthread_mutex_unlock(&tls->lock);
	return loaded;
}

SSL *tls_accept(struct tls *tls, void *user)
{
	SSL_CTX *context = NULL;

	pthread_mutex_lock(&tls->lock);
	if (tls->set) {
		context = tls->set->contexts[0];
		SSL_CTX_up_ref(context);
	}
	pthread_mutex_unlock(&tls->lock);
	if (!context)
		return NULL;
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	BIO *octets = ssl ? BIO_new(tls->bio_method) : NULL;
	if (!octets) {
		SSL_free(ssl);
		return NULL;
	}
	BIO_set_data(octets, user);
	BIO_set_init(octets, 1);
	SSL_set_bio(ssl, octets, octets);
	SSL_set_accept_state(ssl);
	return ssl;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	set_free(tls->set);
	BIO_meth_free(tls->bio_method);
	pthread_mutex_destroy(&tls->lock);
	explicit_bzero(&tls->keys, sizeof tls->keys);
	free(tls->keys_path);
	free(tls);
}
