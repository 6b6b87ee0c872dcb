#include "admin/frozen.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static err path_of(struct arena *arena, str data_dir, str *out)
{
	return file_path(arena, data_dir, STR("frozen"), out);
}

err frozen_set(struct arena *arena, str data_dir, bool frozen)
{
	str path = { 0 };

	TRY(path_of(arena, data_dir, &path));
	if (frozen)
		return file_replace(arena, path, STR("postrider queue thaw ends this\n"), 0600);
	const char *name = arena_z(arena, path);
	if (!name)
		return ERR_NO_MEMORY;
	if (unlink(name) != 0 && errno != ENOENT)
		return err_errno(arena, errno, "removing %s", name);
	return directory_sync(arena, data_dir);
}

bool frozen_get(struct arena *arena, str data_dir)
{
	str path = { 0 };
	struct stat about;

	if (path_of(arena, data_dir, &path).code != ERR_OK)
		return true;
	const char *name = arena_z(arena, path);
	return !name || stat(name, &about) == 0 || errno != ENOENT;
}
