#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/operation.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "deliver/address.h"
#include "net/selfsigned.h"
#include "store/store.h"

/* Above these ports stand those of the protocols, up to +995. */
enum { HIGHEST_BASE = 65535 - 995 };

/* The login that make install describes to the system (sysusers.d). */
#define USUAL_USER "postrider"

struct plan {
	str directory; /* absolute */
	struct config_initial config;
	const char *domain; /* or NULL */
	const char *data;   /* of --data, or NULL */
	str config_path;
};

static err join(struct arena *arena, str directory, const char *name, str *out)
{
	struct buf path;

	buf_init(&path, arena, LIMIT_KB * 8);
	buf_add(&path, directory);
	buf_add_char(&path, '/');
	buf_add(&path, str_of(name));
	TRY(buf_err(&path));
	*out = buf_str(&path);
	return OK;
}

static err read_line(struct command_line *line, struct plan *plan)
{
	const char *hostname = NULL, *ports = NULL, *user = NULL;
	const struct option options[] = { { "--hostname", NULL, &hostname },
		                          { "--domain", NULL, &plan->domain },
		                          { "--data", NULL, &plan->data },
		                          { "--ports", NULL, &ports },
		                          { "--user", NULL, &user } };
	uint64_t base = 0;

	TRY(options_read(line, options, 5, 1, 1, "DIR"));
	if (!hostname)
		return command_usage(line,
		                     "--hostname is missing: the name by which other mail servers reach this "
		                     "machine, like mail.shop.example");
	if (ports && !str_to_u64(str_of(ports), HIGHEST_BASE, &base))
		return command_usage(line, "--ports \"%s\": a number up to %d", ports, HIGHEST_BASE);
	plan->config.hostname = str_of(hostname);
	plan->config.ports = ports != NULL;
	plan->config.base = (uint16_t)base;
	if (plan->data && plan->data[0] != '/')
		return command_usage(line, "--data \"%s\": an absolute path", plan->data);
	if (!user && !ports && geteuid() == 0 && getpwnam(USUAL_USER))
		user = USUAL_USER;
	plan->config.user = str_of(user ? user : "");
	return OK;
}

static err no_user(struct command_line *line, const char *user)
{
	return err_new(line->arena, ERR_SYNTAX, "there is no user \"%s\"; make one: adduser --system %s",
	               user, user);
}

static err make_directory(struct command_line *line, struct plan *plan)
{
	const char *named = line->words[0];

	TRY(directory_make(line->arena, str_of(named), 0755));
	char *whole = realpath(named, NULL);
	if (!whole)
		return err_errno(line->arena, errno, "%s", named);
	err e = arena_copy(line->arena, str_of(whole), &plan->directory);
	free(whole);
	TRY(e);
	TRY(join(line->arena, plan->directory, "postrider.toml", &plan->config_path));
	char *path = arena_z(line->arena, plan->config_path);
	if (!path || access(path, F_OK) == 0)
		return err_new(line->arena, ERR_EXISTS,
		               STR_FMT " is there already; nothing was changed. Use it (postrider -c " STR_FMT
		                       " serve) or name another directory",
		               STR_ARG(plan->config_path), STR_ARG(plan->config_path));
	return OK;
}

/* A server that was started as its user, not by root, reads its key as that user. */
static err give_key(struct command_line *line, const struct plan *plan)
{
	char *path = arena_z(line->arena, plan->config.key), *user = arena_z(line->arena, plan->config.user);

	if (!path || !user)
		return ERR_NO_MEMORY;
	if (plan->config.user.len == 0 || plan->config.ports || geteuid() != 0)
		return OK;
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return no_user(line, user);
	if (chown(path, (uid_t)-1, entry->pw_gid) != 0 || chmod(path, 0640) != 0)
		return err_errno(line->arena, errno, "giving %s to %s", path, user);
	return OK;
}

static err make_certificate(struct command_line *line, struct plan *plan)
{
	str certificate = { 0 }, key = { 0 };

	TRY(join(line->arena, plan->directory, "certificate.pem", &plan->config.certificate));
	TRY(join(line->arena, plan->directory, "key.pem", &plan->config.key));
	TRY(certificate_make_self_signed(line->arena, plan->config.hostname, &certificate, &key));
	TRY(file_replace(line->arena, plan->config.certificate, certificate, 0644));
	TRY(file_replace(line->arena, plan->config.key, key, 0600));
	return give_key(line, plan);
}

/* The configuration's text, checked by reading it back. It is put in place last, so that an init that failed
 * may be repeated. */
static err format_config(struct command_line *line, struct plan *plan, str *text, struct config **config)
{
	struct buf out;

	if (plan->data)
		plan->config.data_dir = str_of(plan->data);
	else
		TRY(join(line->arena, plan->directory, "data", &plan->config.data_dir));
	buf_init(&out, line->arena, LIMIT_CONFIG_FILE);
	TRY(config_initial_write(&out, &plan->config));
	TRY(buf_err(&out));
	*text = buf_str(&out);
	return config_parse(line->arena, plan->config_path, *text, config);
}

/* The data directory, belonging to who the server will be. */
static err make_data_dir(struct command_line *line, const struct config *config)
{
	char *path = arena_z(line->arena, config->data_dir), *user = arena_z(line->arena, config->user);

	if (!path || !user)
		return ERR_NO_MEMORY;
	TRY(store_make_directory(line->arena, config->data_dir));
	if (config->user.len == 0 || geteuid() != 0)
		return OK;
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return no_user(line, user);
	if (chown(path, entry->pw_uid, entry->pw_gid) != 0)
		return err_errno(line->arena, errno, "giving %s to %s", path, user);
	return OK;
}

static err add_domain(struct command_line *line, const struct plan *plan, struct store *store)
{
	struct operation_call call;
	json_t *arguments = json_pack("{s:s}", "domain", plan->domain);

	operation_call_init(&call, line->arena, store, arguments);
	err e = operation_run(operation_find(STR("domain.add")), &call);
	operation_call_fini(&call);
	json_decref(arguments);
	return e.code == ERR_EXISTS ? OK : e; /* a former init came that far */
}

static err make_store(struct command_line *line, const struct plan *plan, const struct config *config)
{
	struct store *store = NULL;
	AUTO(file) lock = FILE_NONE;

	TRY(open_store(line, config, &store, &lock));
	err e = plan->domain ? add_domain(line, plan, store) : OK;
	store_close(store);
	return e;
}

/* The configuration goes last of what root makes, since making the store may turn root into the server's
 * user; it is taken away again where that fails, so that init may be repeated. */
static err make_all(struct command_line *line, struct plan *plan)
{
	struct config *config = NULL;
	str text = { 0 }, domain = { 0 };

	TRY(read_line(line, plan));
	if (plan->domain)
		TRY(domain_normalise(line->arena, str_of(plan->domain), &domain));
	TRY(make_directory(line, plan));
	TRY(make_certificate(line, plan));
	TRY(format_config(line, plan, &text, &config));
	TRY(make_data_dir(line, config));
	TRY(file_replace(line->arena, plan->config_path, text, 0644));
	err e = make_store(line, plan, config);
	char *path = arena_z(line->arena, plan->config_path);
	if (e.code != ERR_OK && path)
		(void)unlink(path);
	return e;
}

static void say_done(struct command_line *line, const struct plan *plan)
{
	const char *dir = line->words[0], *domain = plan->domain ? plan->domain : "shop.example";

	if (line->json) {
		json_t *object = json_pack("{s:s%, s:s%, s:s?}", "config", plan->config_path.ptr,
		                           plan->config_path.len, "data_dir", plan->config.data_dir.ptr,
		                           plan->config.data_dir.len, "domain", plan->domain);
		command_print_json(object);
		json_decref(object);
		return;
	}
	printf("Made %s\n  postrider.toml   the configuration\n"
	       "  certificate.pem  a self-signed certificate, with key.pem\n"
	       "Mail is kept in " STR_FMT ".\n\n",
	       dir, STR_ARG(plan->config.data_dir));
	if (plan->domain)
		printf("Mail for %s will be taken. Next, a mailbox for a person, then the server:\n\n",
		       domain);
	else
		puts("Next, the domain of your addresses, a mailbox for a person, then the server:\n");
	if (!plan->domain)
		printf("  postrider -c %s/postrider.toml domain add %s\n", dir, domain);
	printf("  postrider -c %s/postrider.toml account add ann@%s\n", dir, domain);
	printf("  postrider -c %s/postrider.toml serve\n", dir);
}

static int run(struct command_line *line)
{
	struct plan plan = { 0 };

	err e = make_all(line, &plan);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	say_done(line, &plan);
	return command_done(line);
}

const struct command init_command = {
	.name = "init",
	.summary = "make the configuration and data of a new mail server",
	.help = "Usage: postrider init DIR --hostname NAME [--domain DOMAIN] [--data DIR] [--ports BASE]\n"
		"                      [--user USER]\n"
		"\n"
		"Makes DIR with a configuration, a self-signed certificate and an empty store. Refuses (73)\n"
		"where DIR/postrider.toml exists.\n"
		"\n"
		"  --hostname NAME  the name by which other mail servers reach this machine (its MX name),\n"
		"                   like mail.shop.example\n"
		"  --domain DOMAIN  the domain of your addresses, like shop.example; more can be added "
		"later\n"
		"  --data DIR       where mail is kept, an absolute path; without it, DIR/data\n"
		"  --ports BASE     for trying it out without root: listens on 127.0.0.1 only, at BASE + "
		"the\n"
		"                   usual port (BASE 20000: SMTP at 20025, POP3 at 20110)\n"
		"  --user USER      the user that the server runs as; without it, as root and without "
		"--ports,\n"
		"                   postrider, where this machine has that user\n",
	.run = run,
};
