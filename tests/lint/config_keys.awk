# The keys of the configuration: the rows X(KIND, key, ...) of CONFIG_MAP in server/config.h.
/^#define CONFIG_MAP\(X\)/ { in_map = 1; next }
in_map && match($0, /X\([A-Z]+, [a-z_]+,/) {
    split(substr($0, RSTART, RLENGTH), part, /[(, ]+/)
    print part[3]
}
in_map && !/\\$/ { in_map = 0 }
