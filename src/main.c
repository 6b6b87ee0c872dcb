#include "command_table.h"

int main(int argc, char **argv) { return command_main(command_table, command_table_count, argc, argv); }
