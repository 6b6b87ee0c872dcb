#include "auth/key.h"

#include "base/file.h"
#include "base/random.h"

err key_root(struct arena *arena, str data_dir, struct digest *out)
{
	str path, octets;

	TRY(file_path(arena, data_dir, STR("auth.key"), &path));
	err e = file_read_all(arena, path, DIGEST_OCTETS, &octets);
	if (e.code == ERR_OK && octets.len == DIGEST_OCTETS) {
		memcpy(out->octets, octets.ptr, octets.len);
		return OK;
	}
	if (e.code != ERR_OK && e.code != ERR_MISSING && e.code != ERR_LIMIT)
		return e;
	struct digest made;
	random_fill(made.octets, sizeof made.octets);
	TRY(file_replace(arena, path, digest_str(&made), 0600));
	*out = made;
	return OK;
}

err key_load(struct arena *arena, str data_dir, str label, struct digest *out)
{
	struct digest root;

	TRY(key_root(arena, data_dir, &root));
	err e = digest_hmac(digest_str(&root), label, out);
	explicit_bzero(&root, sizeof root);
	return e;
}
