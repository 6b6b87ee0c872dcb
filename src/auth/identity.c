#include "auth/identity.h"

#include <stdlib.h>

static str put(char **at, str text)
{
	char *from = *at;

	if (text.len)
		memcpy(from, text.ptr, text.len);
	*at = from + text.len;
	return (str){ from, text.len };
}

struct identity *identity_new(const struct account *account, str app, str login)
{
	struct identity *identity = malloc(sizeof *identity + account->address.len + app.len + login.len);

	if (!identity)
		return NULL;
	char *at = (char *)(identity + 1);
	identity->account_id = account->account_id;
	identity->address = put(&at, account->address);
	identity->app = put(&at, app);
	identity->login = put(&at, login);
	return identity;
}

bool identity_find(const struct directory *d, const struct identity *identity, const struct account **account,
                   const struct app **app)
{
	const struct account *a;
	const struct app *p;

	if (directory_find_login(d, identity->login, &a, &p) != DIRECTORY_FOUND ||
	    a->account_id != identity->account_id || a->suspended)
		return false;
	*account = a;
	*app = p;
	return true;
}

void identity_free(struct identity *identity) { free(identity); }
