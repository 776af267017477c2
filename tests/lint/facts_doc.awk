# What the tables of PROTOCOL.md say of the wire, in the form of facts_code.awk. A table is known by
# the first word of its head row.
/^### Body / {
    body = $3
    sub(/:$/, "", body)
    match($0, /first [0-9]+/)
    print "body", body, substr($0, RSTART + 6, RLENGTH - 6)
}
/^\|/ {
    n = split($0, cell, /\|/)
    for (i = 2; i < n; i++)
        gsub(/^ +| +$|`/, "", cell[i])
    if (previous !~ /^\|/)
        table = cell[2]
    else if (cell[2] ~ /^-+$/)
        ;
    else if (table == "limit")
        print "limit", cell[2], cell[3]
    else if (table == "number")
        print "op", cell[2], cell[3], cell[4], cell[5], cell[6]
    else if (table == "field")
        print "field", body, cell[2], cell[3], cell[4], cell[5]
    else if (table == "error")
        print "error", cell[2], cell[3], cell[4]
    else if (table == "state")
        print "state", cell[2], cell[3]
}
{ previous = $0 }
