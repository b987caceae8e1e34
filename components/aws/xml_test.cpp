// The XML of answers: what is read, and what is refused.

#include "components/aws/xml.hpp"
#include "tests/catch.hpp"

using namespace mecha;

TEST_CASE("elements and their texts are read", "[aws]") {
  const auto root = aws::parse_xml(
      "<?xml version=\"1.0\"?>\n<!-- x --><List xmlns=\"http://a/>\"><Name>a &amp; b&#x20;&#233;&#x1F600;</Name><Empty/>"
      "<Item><Key><![CDATA[<k>]]></Key></Item><Item ><!-- y --><Key>2</Key ></Item></List>\n"
  );
  REQUIRE(root);
  CHECK(root->name == "List");
  CHECK(root->text_of("Name") == "a & b é😀");
  REQUIRE(root->find("Empty") != nullptr);
  CHECK(root->text_of("Empty") == "");
  CHECK(root->find("None") == nullptr);
  REQUIRE(root->children.size() == 4);
  CHECK(root->children[2].text_of("Key") == "<k>");
  CHECK(root->children[3].text_of("Key") == "2");
}

TEST_CASE("what is no XML is refused", "[aws]") {
  for (const auto* text : {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&none;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#;</a>", "<a>&amp</a>", "<a", "<a b='>",
                           "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a><![CDATA[</a>", "< a/>", "<>x</>", "<a>\xff</a>", "<a>&#1;</a>", "<?xml version=\"1.0\" encoding=\"utf-7\"?><a>&#xD800;</a>"}) {
    INFO(text);
    CHECK_FALSE(aws::parse_xml(text));
  }
  CHECK(aws::parse_xml("<!DOCTYPE a><a/>").error().message == "the answer is no valid XML: it has a document type");
  CHECK(aws::parse_xml("<a>").error().message == "the answer is no valid XML: no element found");
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  CHECK_THAT(aws::parse_xml(deep).error().message, Catch::Contains("too many levels"));
}
