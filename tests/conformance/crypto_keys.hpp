// Keys made for the tests of cryptography; nothing else uses them.

#pragma once

#include <string_view>

namespace mecha::conformance {

// RSA, 2048 bits, PKCS 8.
inline constexpr std::string_view kRsaPem = R"(-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDLXURUvUPyy/dQ
abKRGDQo+sR/7h4gXIByYyLA9lI7UUXo/iuX7bVCKnfV3hqOEM0oFLsZ8VJPv4zi
ePArKCICJ6roNbElguiA+31oNgnYMy1lic4NY/CHouHmz518tq6i53bRWWk0rxC2
O1sH05V/aX+VspgQuu+M+bxpL6pd/WCPSDypmtwhq98fQTR40mIAcDxSPxQ8tMZx
N5tQh99DSkAb/J9PcUOXfNZWqyP6omBQcKlVtVJh1R0pLyqvVhDC+/7e9VgQLUWo
q/9H56DurYO90HAioMLeuKZs5hg/8baapQskdmJv2OTNbBKHqjH/7zqgludNXN3U
BglLbEhlAgMBAAECggEAU3FE6Mox161GIFoGOU+nk0r1lpJTDS83SvgPWgKX0hvy
ZfvoUjHoZio7umakGbeeHjyHWskwX2V2vrQlw2d3sM+q6hWhxoT0tnu6RKirmGjD
Tz7ga5Eer+Cu9UAp2/KvLEtx7stThhjw7/zhyI/R7xIQFhHOIEs7oGoWG0jCDEb/
4f0YEzsmBHwjC3VHfdT7Yeep3zxcPBROOWqKQrxQxB98AHW14CqeHxFvRgUiWp3D
iOzraknKmf/MyRJLVvkXBz5SC6NzLXWgvmCotSe8zcLNt07Gh3aE9SY5LSHyCe8J
+ST/inSl4wCCZYg3mLhWBlPTWdqC84bIiTTCdY2+rwKBgQDrf15rwnzTnXv2HQbz
kWkv2gpvqyFvA5gvYMy/VKk4tZ2uxM3TcKzN16unhkqnpQrnedyon61tg4ybNwse
v1PmyVIDPDxcZCRq3+Z8vCSsSgnpvd/6/ooFpItOLhkhMs1ypPD29rVLV5vDk2ml
R43kBbcF0ALln4v7qpUEwNV0AwKBgQDdEbtd7PI9DTyl1YNrsOFN2FKs+cRbVCcy
hTUWkWCUrhZuEbQB/3H4a5ej40GQzNbXUFOFHBgAyH9Yamq4SWXkRBa3+0OlHIfU
59J9YhBm5zxgHJ5fRWO/eO6NRgodn4WXGgvxVyQcNJ6ByxIekUZVXkNKbuTQoFfB
BI2WAV/JdwKBgCBw10z46cEs/JqWvRJogZj57F4dsOleEWTVbN8ehoEtY59jtQbf
iq6Ae0EEmtwlPC9O9jq0ZGulp4TqPDnsGV69dPLFJXuEwA+I8HNWZ6bkPCFa6rPk
xJaqaBZI+2U7XlngpuEeczMByo9Si0cdaEp1DxVZ5kxDgkEU6ppRBhaJAoGAHI3a
xrIBQ/N+vujKNdG9+EEVxLPqMeW3vmXISqbyc6Hc0dDFkHB/NxgmmQuUf3CF23/L
mejcDNXY5QGx0SXh3E8TJCZ3QU9jGBPtczaEadY6TSvFJQcgcC3dmi/OxK7DIZZC
rqSTzHTbeGZTa9FV5VbsmCOkuHHNg+fjpdl9ltcCgYBdiBIgKz4musW3GcbYMHo4
+aLA5vDYawmqIseadnPvCr8trYA/2sd4w5RdrhjWiFDX8Y1xcqUohPflzdYbr46b
uhE/TRhYJ1CtO0hSngUwJAn471o/G/oTaBQbbjrnVuSOAt8EVtrsnj+nSZd+WFOM
f1bT+z/UvyKinm2bOCNm+w==
-----END PRIVATE KEY-----
)";

// P-256.
inline constexpr std::string_view kEcPem = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghmB/h2oySAYo5qIR
jfL0mhC2EwIdPcgAXRromKQjzMOhRANCAATHnH9LudOXWZrI60p6eF503sVfl2wk
6z8+4Rg0IJA3ohdB1GR5+Y7/Xxqj9g4tSZu/ow4IsmePnd0xg61vOnqo
-----END PRIVATE KEY-----
)";

// Ed25519.
inline constexpr std::string_view kEdPem = R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHe/U7mAejqqYOdDSu0zXGB0mYNp6QBZtjLm+/d+VUHP
-----END PRIVATE KEY-----
)";

// SM2.
inline constexpr std::string_view kSm2Pem = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgUQOb7EcXsjMXWC5Q
mG/nkDOIWja4Hg6uCJjEPjvb1c6hRANCAASXuqIY+aHBZFBPgGntf3bMsOSFP6Xk
qRo2YBcJPx6xH8IsemVrDlEVWRqLkGiiuhLO16GibLYt69Lxqb8WCU5l
-----END PRIVATE KEY-----
)";

// The same RSA key.
inline constexpr std::string_view kRsaJwk =
    R"({"kty":"RSA","kid":"rsa","n":"y11EVL1D8sv3UGmykRg0KPrEf-4eIFyAcmMiwPZSO1FF6P4rl-21Qip31d4ajhDNKBS7Gf)"
    R"(FST7-M4njwKygiAieq6DWxJYLogPt9aDYJ2DMtZYnODWPwh6Lh5s-dfLauoud20VlpNK8QtjtbB9OVf2l_lbKYELrvjPm8aS-qXf)"
    R"(1gj0g8qZrcIavfH0E0eNJiAHA8Uj8UPLTGcTebUIffQ0pAG_yfT3FDl3zWVqsj-qJgUHCpVbVSYdUdKS8qr1YQwvv-3vVYEC1FqK)"
    R"(v_R-eg7q2DvdBwIqDC3rimbOYYP_G2mqULJHZib9jkzWwSh6ox_-86oJbnTVzd1AYJS2xIZQ","e":"AQAB","d":"U3FE6Mox16)"
    R"(1GIFoGOU-nk0r1lpJTDS83SvgPWgKX0hvyZfvoUjHoZio7umakGbeeHjyHWskwX2V2vrQlw2d3sM-q6hWhxoT0tnu6RKirmGjDTz)"
    R"(7ga5Eer-Cu9UAp2_KvLEtx7stThhjw7_zhyI_R7xIQFhHOIEs7oGoWG0jCDEb_4f0YEzsmBHwjC3VHfdT7Yeep3zxcPBROOWqKQr)"
    R"(xQxB98AHW14CqeHxFvRgUiWp3DiOzraknKmf_MyRJLVvkXBz5SC6NzLXWgvmCotSe8zcLNt07Gh3aE9SY5LSHyCe8J-ST_inSl4w)"
    R"(CCZYg3mLhWBlPTWdqC84bIiTTCdY2-rw","p":"639ea8J805179h0G85FpL9oKb6shbwOYL2DMv1SpOLWdrsTN03Cszderp4ZKp)"
    R"(6UK53ncqJ-tbYOMmzcLHr9T5slSAzw8XGQkat_mfLwkrEoJ6b3f-v6KBaSLTi4ZITLNcqTw9va1S1ebw5NppUeN5AW3BdAC5Z-L-)"
    R"(6qVBMDVdAM","q":"3RG7XezyPQ08pdWDa7DhTdhSrPnEW1QnMoU1FpFglK4WbhG0Af9x-GuXo-NBkMzW11BThRwYAMh_WGpquEl)"
    R"(l5EQWt_tDpRyH1OfSfWIQZuc8YByeX0Vjv3jujUYKHZ-FlxoL8VckHDSegcsSHpFGVV5DSm7k0KBXwQSNlgFfyXc","dp":"IHDX)"
    R"(TPjpwSz8mpa9EmiBmPnsXh2w6V4RZNVs3x6GgS1jn2O1Bt-KroB7QQSa3CU8L072OrRka6WnhOo8OewZXr108sUle4TAD4jwc1Zn)"
    R"(puQ8IVrqs-TElqpoFkj7ZTteWeCm4R5zMwHKj1KLRx1oSnUPFVnmTEOCQRTqmlEGFok","dq":"HI3axrIBQ_N-vujKNdG9-EEVx)"
    R"(LPqMeW3vmXISqbyc6Hc0dDFkHB_NxgmmQuUf3CF23_LmejcDNXY5QGx0SXh3E8TJCZ3QU9jGBPtczaEadY6TSvFJQcgcC3dmi_Ox)"
    R"(K7DIZZCrqSTzHTbeGZTa9FV5VbsmCOkuHHNg-fjpdl9ltc","qi":"XYgSICs-JrrFtxnG2DB6OPmiwObw2GsJqiLHmnZz7wq_La)"
    R"(2AP9rHeMOUXa4Y1ohQ1_GNcXKlKIT35c3WG6-Om7oRP00YWCdQrTtIUp4FMCQJ-O9aPxv6E2gUG24651bkjgLfBFba7J4_p0mXfl)"
    R"(hTjH9W0_s_1L8iop5tmzgjZvs"})";

// The same key of P-256.
inline constexpr std::string_view kEcJwk =
    R"({"kty":"EC","kid":"ec","crv":"P-256","x":"x5x_S7nTl1mayOtKenhedN7FX5dsJOs_PuEYNCCQN6I","y":"F0HUZHn5)"
    R"(jv9fGqP2Di1Jm7-jDgiyZ4-d3TGDrW86eqg","d":"hmB_h2oySAYo5qIRjfL0mhC2EwIdPcgAXRromKQjzMM"})";

// 60..7f, as base64url.
inline constexpr std::string_view kOctets = "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8";

}  // namespace mecha::conformance
