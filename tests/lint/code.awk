# C source without comments and without the inside of strings, as file:line:text, so that a rule about
# code is not broken by a sentence that speaks of it.
FNR == 1 { in_comment = 0 }
{
    rest = $0
    out = ""
    while (rest != "") {
        if (in_comment) {
            end = index(rest, "*/")
            if (end == 0)
                break
            rest = substr(rest, end + 2)
            in_comment = 0
            continue
        }
        if (!match(rest, /\/\/|\/\*|"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/)) {
            out = out rest
            break
        }
        token = substr(rest, RSTART, 2)
        out = out substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + (token == "/*" ? 2 : RLENGTH))
        if (token == "//")
            break
        if (token == "/*")
            in_comment = 1
        else
            out = out substr(token, 1, 1) substr(token, 1, 1)
    }
    print FILENAME ":" FNR ":" out
}
