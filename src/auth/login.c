#include "auth/login.h"

#include "auth/password.h"

void login_set(struct login *login, str address, str password)
{
	memset(login, 0, sizeof *login);
	login->answer = LOGIN_UNKNOWN;
	login->too_long = address.len > sizeof login->address || password.len > sizeof login->password;
	if (login->too_long)
		return;
	if (address.len)
		memcpy(login->address, address.ptr, address.len);
	if (password.len)
		memcpy(login->password, password.ptr, password.len);
	login->address_len = address.len;
	login->password_len = password.len;
}

static enum login_answer check(const struct account *account, str password)
{
	err e = password_check(account->password, password);

	if (e.code == ERR_DENIED)
		return LOGIN_WRONG;
	if (e.code != ERR_OK)
		return LOGIN_LATER;
	return account->suspended ? LOGIN_SUSPENDED : LOGIN_GRANTED;
}

void login_check(struct login *login, struct store *store)
{
	const struct directory *directory = directory_acquire(store);
	const struct account *account = NULL;
	str password = { login->password, login->password_len };
	bool known = !login->too_long &&
	             directory_find_account(directory, login_address(login), &account) == DIRECTORY_FOUND &&
	             account->password.len > 0;

	if (known) {
		login->answer = check(account, password);
		login->account_id = login->answer == LOGIN_GRANTED ? account->account_id : 0;
	} else {
		password_check_nobody(password);
		login->answer = LOGIN_UNKNOWN;
	}
	directory_release(directory);
	explicit_bzero(login->password, sizeof login->password);
	login->password_len = 0;
}

const char *login_refusal(enum login_answer answer)
{
	switch (answer) {
	case LOGIN_GRANTED:
		return "";
	case LOGIN_UNKNOWN:
		return "unknown account";
	case LOGIN_WRONG:
		return "wrong password";
	case LOGIN_SUSPENDED:
		return "account suspended";
	case LOGIN_LATER:
		return "the password could not be checked";
	}
	return "";
}
