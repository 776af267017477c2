# What the headers say of the wire, one fact a line, for comparison with PROTOCOL.md.
function read_args(text,    n) { # X(A, B, "C, D") -> arg[1..n], without quotes
    sub(/^[^(]*\(/, "", text)
    while (match(text, /^("[^"]*"|[^",)]+)/)) {
        arg[++n] = substr(text, 1, RLENGTH)
        gsub(/"/, "", arg[n])
        text = substr(text, RLENGTH + 1)
        sub(/^, */, "", text)
    }
}
function limit_of(text) {
    sub(/^JD_/, "", text)
    if (text == "0") return "-"
    if (text == "UINT32_MAX") return "4294967295"
    if (text == "INT64_MAX / 1000000") return "9223372036854"
    return text
}
/^#define [A-Z_]+_MAP\(X\)/ { map = $2; sub(/\(.*/, "", map) }
/^#define JD_FIELDS_/ { map = "FIELDS"; body = $2; sub(/^JD_FIELDS_/, "", body); sub(/\(.*/, "", body); n_fields = 0 }
map != "" {
    rest = $0
    while (match(rest, /[XF]\([A-Z0-9_]+, ([^"()]|"[^"]*")*\)/)) {
        entry = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        read_args(entry)
        if (map == "FIELDS")
            print "field", body, n_fields++, arg[2], arg[1] == "RAW" ? "any" : tolower(arg[1]), limit_of(arg[3])
        else if (map == "JD_LIMIT_MAP")
            print "limit", arg[1], arg[2]
        else if (map == "JD_BODY_MAP")
            print "body", arg[1], arg[3]
        else if (map == "JD_OP_MAP")
            print "op", arg[2], arg[3], tolower(arg[4]), arg[5], arg[6]
        else if (map == "JOBD_ERROR_MAP")
            print "error", arg[2], "JOBD_E_" arg[1], arg[3]
        else if (map == "JOBD_JOB_STATE_MAP")
            print "state", arg[2], arg[3]
    }
}
!/\\$/ { map = "" }
match($0, /JD_(PROTO|CHECK)_[A-Z_]+ = [0-9]+/) {
    n = split(substr($0, RSTART, RLENGTH), word, / = /)
    print "limit", substr(word[1], 4), word[2]
    rest = substr($0, RSTART + RLENGTH)
    if (match(rest, /JD_CHECK_[A-Z_]+ = [0-9]+/)) {
        split(substr(rest, RSTART, RLENGTH), word, / = /)
        print "limit", substr(word[1], 4), word[2]
    }
}
