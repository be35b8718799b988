"""The project of a TCGA tissue source site, where it is known without asking the GDC.

Source: the published lists of TCGA lung slides; every site sent slides to one of the two projects only, as the GDC's
table of tissue source sites has it. Sites of other projects are looked up at the GDC.
"""

_SITES = {
    "TCGA-LUAD": "05 35 38 44 49 4B 50 53 55 62 64 67 69 71 73 75 78 80 83 86 91 93 95 97 99 J2 L4 L9 MN MP NJ O1 S2",
    "TCGA-LUSC": (
        "18 21 22 33 34 37 39 43 46 51 52 56 58 60 63 66 68 6A 70 77 79 85 90 92 94 96 98 J1 L3 LA MF NC NK O2 XC"
    ),
}

PROJECT_OF_SITE = {site: project for project, sites in _SITES.items() for site in sites.split()}
