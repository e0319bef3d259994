/** A country, territory or worldwide service with the dial codes that lead to it. */
export interface DialCountry {
  /** ISO 3166 in two capitals; null for services that belong to no country. */
  readonly country: string | null;
  readonly name: string;
  readonly codes: readonly string[];
}

// Country codes of ITU-T E.164 and, where countries share one, the ranges within it. Names are
// written here and not asked of the machine, so that they do not change with its language data.
const TABLE = `
US United States: 1
CA Canada: 1204 1226 1236 1249 1250 1257 1263 1289 1306 1343 1354 1365 1367 1368 1382 1387 1403
  1416 1418 1428 1431 1437 1438 1450 1460 1468 1474 1506 1514 1519 1548 1579 1581 1584 1587 1604
  1613 1639 1647 1672 1683 1705 1709 1742 1753 1778 1780 1782 1807 1819 1825 1867 1873 1879 1902
  1905 1942
BS Bahamas: 1242
BB Barbados: 1246
AI Anguilla: 1264
AG Antigua and Barbuda: 1268
VG British Virgin Islands: 1284
VI U.S. Virgin Islands: 1340
KY Cayman Islands: 1345
BM Bermuda: 1441
GD Grenada: 1473
TC Turks and Caicos Islands: 1649
JM Jamaica: 1658 1876
MS Montserrat: 1664
MP Northern Mariana Islands: 1670
GU Guam: 1671
AS American Samoa: 1684
SX Sint Maarten: 1721
LC St. Lucia: 1758
DM Dominica: 1767
VC St. Vincent and Grenadines: 1784
PR Puerto Rico: 1787 1939
DO Dominican Republic: 1809 1829 1849
TT Trinidad and Tobago: 1868
KN St. Kitts and Nevis: 1869
EG Egypt: 20
SS South Sudan: 211
MA Morocco: 212
EH Western Sahara: 2125288 2125289
DZ Algeria: 213
TN Tunisia: 216
LY Libya: 218
GM Gambia: 220
SN Senegal: 221
MR Mauritania: 222
ML Mali: 223
GN Guinea: 224
CI Côte d'Ivoire: 225
BF Burkina Faso: 226
NE Niger: 227
TG Togo: 228
BJ Benin: 229
MU Mauritius: 230
LR Liberia: 231
SL Sierra Leone: 232
GH Ghana: 233
NG Nigeria: 234
TD Chad: 235
CF Central African Republic: 236
CM Cameroon: 237
CV Cape Verde: 238
ST São Tomé and Príncipe: 239
GQ Equatorial Guinea: 240
GA Gabon: 241
CG Congo Republic: 242
CD Congo DR: 243
AO Angola: 244
GW Guinea-Bissau: 245
IO British Indian Ocean Territory: 246
AC Ascension Island: 247
SC Seychelles: 248
SD Sudan: 249
RW Rwanda: 250
ET Ethiopia: 251
SO Somalia: 252
DJ Djibouti: 253
KE Kenya: 254
TZ Tanzania: 255
UG Uganda: 256
BI Burundi: 257
MZ Mozambique: 258
ZM Zambia: 260
MG Madagascar: 261
RE Réunion: 262
YT Mayotte: 262269 262639
ZW Zimbabwe: 263
NA Namibia: 264
MW Malawi: 265
LS Lesotho: 266
BW Botswana: 267
SZ Eswatini: 268
KM Comoros: 269
ZA South Africa: 27
SH St. Helena: 290
TA Tristan da Cunha: 2908
ER Eritrea: 291
AW Aruba: 297
FO Faroe Islands: 298
GL Greenland: 299
GR Greece: 30
NL Netherlands: 31
BE Belgium: 32
FR France: 33
ES Spain: 34
GI Gibraltar: 350
PT Portugal: 351
LU Luxembourg: 352
IE Ireland: 353
IS Iceland: 354
AL Albania: 355
MT Malta: 356
CY Cyprus: 357
FI Finland: 358
AX Åland Islands: 35818
BG Bulgaria: 359
HU Hungary: 36
LT Lithuania: 370
LV Latvia: 371
EE Estonia: 372
MD Moldova: 373
AM Armenia: 374
BY Belarus: 375
AD Andorra: 376
MC Monaco: 377
SM San Marino: 378
VA Vatican City: 379 3906698
UA Ukraine: 380
RS Serbia: 381
ME Montenegro: 382
XK Kosovo: 383
HR Croatia: 385
SI Slovenia: 386
BA Bosnia and Herzegovina: 387
MK North Macedonia: 389
IT Italy: 39
RO Romania: 40
CH Switzerland: 41
CZ Czechia: 420
SK Slovakia: 421
LI Liechtenstein: 423
AT Austria: 43
GB United Kingdom: 44
GG Guernsey: 441481 447781 447839
JE Jersey: 441534 447509 447797 447829 447937
IM Isle of Man: 441624 447624 447924
DK Denmark: 45
SE Sweden: 46
NO Norway: 47
SJ Svalbard and Jan Mayen: 4779
PL Poland: 48
DE Germany: 49
FK Falkland Islands: 500
BZ Belize: 501
GT Guatemala: 502
SV El Salvador: 503
HN Honduras: 504
NI Nicaragua: 505
CR Costa Rica: 506
PA Panama: 507
PM St. Pierre and Miquelon: 508
HT Haiti: 509
PE Peru: 51
MX Mexico: 52
CU Cuba: 53
AR Argentina: 54
BR Brazil: 55
CL Chile: 56
CO Colombia: 57
VE Venezuela: 58
GP Guadeloupe: 590
BL St. Barthélemy: 59059027
MF St. Martin: 59059087
BO Bolivia: 591
GY Guyana: 592
EC Ecuador: 593
GF French Guiana: 594
PY Paraguay: 595
MQ Martinique: 596
SR Suriname: 597
UY Uruguay: 598
BQ Caribbean Netherlands: 599
CW Curaçao: 5999
MY Malaysia: 60
AU Australia: 61
CC Cocos (Keeling) Islands: 6189162
CX Christmas Island: 6189164
ID Indonesia: 62
PH Philippines: 63
NZ New Zealand: 64
SG Singapore: 65
TH Thailand: 66
TL Timor-Leste: 670
NF Norfolk Island: 672
AQ Antarctic Territory: 6721
BN Brunei: 673
NR Nauru: 674
PG Papua New Guinea: 675
TO Tonga: 676
SB Solomon Islands: 677
VU Vanuatu: 678
FJ Fiji: 679
PW Palau: 680
WF Wallis and Futuna: 681
CK Cook Islands: 682
NU Niue: 683
WS Samoa: 685
KI Kiribati: 686
NC New Caledonia: 687
TV Tuvalu: 688
PF French Polynesia: 689
TK Tokelau: 690
FM Micronesia: 691
MH Marshall Islands: 692
RU Russia: 7
KZ Kazakhstan: 76 77 997
-- International Freephone: 800
-- International Shared Cost: 808
JP Japan: 81
KR South Korea: 82
VN Vietnam: 84
KP North Korea: 850
HK Hong Kong: 852
MO Macao: 853
KH Cambodia: 855
LA Laos: 856
CN China: 86
-- Inmarsat: 870
-- Universal Personal Numbers: 878
BD Bangladesh: 880
-- Global Mobile Satellite: 881
-- International Networks: 882 883
TW Taiwan: 886
-- Disaster Relief: 888
TR Türkiye: 90
IN India: 91
PK Pakistan: 92
AF Afghanistan: 93
LK Sri Lanka: 94
MM Myanmar: 95
MV Maldives: 960
LB Lebanon: 961
JO Jordan: 962
SY Syria: 963
IQ Iraq: 964
KW Kuwait: 965
SA Saudi Arabia: 966
YE Yemen: 967
OM Oman: 968
PS Palestine: 970
AE United Arab Emirates: 971
IL Israel: 972
BH Bahrain: 973
QA Qatar: 974
BT Bhutan: 975
MN Mongolia: 976
NP Nepal: 977
-- International Premium Rate: 979
IR Iran: 98
TJ Tajikistan: 992
TM Turkmenistan: 993
AZ Azerbaijan: 994
GE Georgia: 995
KG Kyrgyzstan: 996
UZ Uzbekistan: 998
`;

/** Every dial code in use, by country; the longest code that begins a number tells its country. */
export const dialCountries: readonly DialCountry[] = TABLE.trim()
  .split(/\n(?! )/)
  .map((entry) => {
    const [head = '', codes = ''] = entry.split(': ');
    const iso = head.slice(0, 2);
    return {
      country: iso === '--' ? null : iso,
      name: head.slice(3),
      codes: codes.split(/\s+/),
    };
  });
