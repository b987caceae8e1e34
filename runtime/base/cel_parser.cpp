// CEL: tokens to tree. Names of macro variables are resolved here, and so are calls.

#include <algorithm>
#include <array>
#include <limits>

#include "runtime/base/cel_ast.hpp"

namespace mecha::cel {
namespace {

using NodePtr = std::unique_ptr<Node>;

// Neither the parser nor the evaluator goes deeper; cel-go has the same limit.
constexpr int kDepthMax = 250;

constexpr std::string_view kExpected =
    "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
    "IDENTIFIER}";

constexpr std::array<std::string_view, 16> kReserved{"as",  "break", "const", "continue", "else",    "for",
                                                     "function", "if", "import", "let", "loop", "package",
                                                     "namespace", "return", "var", "void"};

struct Level {
  std::string_view symbol;
  Operator op;
};
constexpr std::array<Level, 7> kRelations{{{"==", Operator::equal},
                                           {"!=", Operator::not_equal},
                                           {"<=", Operator::less_equal},
                                           {">=", Operator::greater_equal},
                                           {"<", Operator::less},
                                           {">", Operator::greater},
                                           {"in", Operator::in}}};
constexpr std::array<Level, 2> kSums{{{"+", Operator::add}, {"-", Operator::subtract}}};
constexpr std::array<Level, 3> kProducts{
    {{"*", Operator::multiply}, {"/", Operator::divide}, {"%", Operator::modulo}}
};

class Parser {
 public:
  Parser(std::string_view source, std::vector<Lexeme> lexemes) : source_(source), lexemes_(std::move(lexemes)) {}

  Result<NodePtr> run() {
    MECHA_TRY(NodePtr root, expression());
    if (look().token != Token::end) {
      return wrong(look().at, "Syntax error: extraneous input '" + shown(look()) + "' expecting <EOF>");
    }
    return root;
  }

 private:
  // --- tokens
  const Lexeme& look(std::size_t ahead = 0) const { return lexemes_[std::min(next_ + ahead, lexemes_.size() - 1)]; }
  bool is(std::string_view text, std::size_t ahead = 0) const {
    return look(ahead).token != Token::literal && look(ahead).text == text && look(ahead).token != Token::end;
  }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    ++next_;
    return true;
  }

  std::string shown(const Lexeme& lexeme) const {
    if (lexeme.token == Token::end) return "<EOF>";
    if (lexeme.token == Token::literal) return to_text(lexeme.value);
    return std::string(lexeme.text);
  }
  std::unexpected<Error> wrong(std::size_t at, std::string_view message) const {
    return fail(error_at(source_, at, message));
  }
  std::unexpected<Error> mismatched(std::string_view expected) const {
    return wrong(look().at, "Syntax error: mismatched input '" + shown(look()) + "' " + std::string(expected));
  }
  Result<void> want(std::string_view text) {
    if (take(text)) return {};
    return mismatched("expecting '" + std::string(text) + "'");
  }

  // --- nodes
  static NodePtr make(Kind kind) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    return node;
  }
  Result<void> adopt(Node& parent, NodePtr child) const {
    parent.depth = std::max(parent.depth, child->depth + 1);
    parent.children.push_back(std::move(child));
    if (parent.depth > kDepthMax) return too_deep();
    return {};
  }
  std::unexpected<Error> too_deep() const {
    return wrong(look().at, "expression recursion limit exceeded: 250");
  }

  // --- grammar, from the weakest operator to the strongest
  Result<NodePtr> expression() {
    if (++depth_ > kDepthMax) return too_deep();
    MECHA_TRY(NodePtr node, logic(Kind::any_of));
    if (take("?")) {
      NodePtr choice = make(Kind::choice);
      MECHA_TRY_VOID(adopt(*choice, std::move(node)));
      MECHA_TRY(NodePtr yes, logic(Kind::any_of));
      MECHA_TRY_VOID(adopt(*choice, std::move(yes)));
      MECHA_TRY_VOID(want(":"));
      MECHA_TRY(NodePtr no, expression());
      MECHA_TRY_VOID(adopt(*choice, std::move(no)));
      node = std::move(choice);
    }
    --depth_;
    return node;
  }

  // || over &&, each with as many operands as there are.
  Result<NodePtr> logic(Kind kind) {
    const std::string_view symbol = kind == Kind::any_of ? "||" : "&&";
    const auto operand = [&] { return kind == Kind::any_of ? logic(Kind::all_of) : binary(0); };
    MECHA_TRY(NodePtr first, operand());
    if (!is(symbol)) return first;
    NodePtr node = make(kind);
    MECHA_TRY_VOID(adopt(*node, std::move(first)));
    while (take(symbol)) {
      MECHA_TRY(NodePtr next, operand());
      MECHA_TRY_VOID(adopt(*node, std::move(next)));
    }
    return node;
  }

  const Level* operator_of(int level) const {
    const auto search = [this](const auto& levels) -> const Level* {
      for (const Level& entry : levels) {
        if (is(entry.symbol)) return &entry;
      }
      return nullptr;
    };
    if (level == 0) return search(kRelations);
    return level == 1 ? search(kSums) : search(kProducts);
  }

  // Relations, sums, products: levels 0 to 2, all from the left.
  Result<NodePtr> binary(int level) {
    const auto operand = [&] { return level < 2 ? binary(level + 1) : unary(); };
    MECHA_TRY(NodePtr left, operand());
    while (const Level* found = operator_of(level)) {
      ++next_;
      NodePtr node = make(Kind::binary);
      node->op = found->op;
      MECHA_TRY_VOID(adopt(*node, std::move(left)));
      MECHA_TRY(NodePtr right, operand());
      MECHA_TRY_VOID(adopt(*node, std::move(right)));
      left = std::move(node);
    }
    return left;
  }

  Result<NodePtr> unary() {
    const std::string_view symbol = is("!") ? "!" : "-";
    std::size_t count = 0;
    // A minus in front of a number belongs to the number, so that the smallest one can be written.
    while (is(symbol) && !(symbol == "-" && look(1).token == Token::literal && is_number(look(1).value))) {
      ++next_;
      ++count;
    }
    MECHA_TRY(NodePtr node, member());
    if (count % 2 == 0 && symbol == "!" && count > 0) count = 2;
    for (; count > 0; --count) {
      NodePtr outer = make(symbol == "!" ? Kind::negation : Kind::minus);
      MECHA_TRY_VOID(adopt(*outer, std::move(node)));
      node = std::move(outer);
    }
    return node;
  }

  static bool is_number(const Value& value) {
    return value.get<double>() != nullptr || value.get<std::uint64_t>() != nullptr;
  }

  Result<NodePtr> member() {
    MECHA_TRY(NodePtr node, primary());
    for (;;) {
      if (take("[")) {
        MECHA_TRY(NodePtr index, expression());
        MECHA_TRY_VOID(want("]"));
        NodePtr outer = make(Kind::index);
        MECHA_TRY_VOID(adopt(*outer, std::move(node)));
        MECHA_TRY_VOID(adopt(*outer, std::move(index)));
        node = std::move(outer);
      } else if (take(".")) {
        const Lexeme name = look();
        if (name.token != Token::identifier || is("in") || is_constant(name.text)) {
          return mismatched("expecting IDENTIFIER");
        }
        ++next_;
        MECHA_TRY(NodePtr outer, is("(") ? member_call(std::move(node), name) : select(std::move(node), name));
        node = std::move(outer);
      } else {
        return node;
      }
    }
  }

  Result<NodePtr> select(NodePtr operand, const Lexeme& name) const {
    // A type of protobuf is named with dots.
    if (operand->kind == Kind::global || operand->kind == Kind::select) {
      const std::string path = path_of(*operand) + "." + std::string(name.text);
      if (const auto type = path.contains('.') ? type_named(path) : std::nullopt) {
        NodePtr node = make(Kind::literal);
        node->value = *type;
        return node;
      }
    }
    NodePtr node = make(Kind::select);
    node->name = name.text;
    MECHA_TRY_VOID(adopt(*node, std::move(operand)));
    return node;
  }

  static std::string path_of(const Node& node) {
    if (node.kind == Kind::global) return node.name;
    if (node.kind != Kind::select || node.depth > 4) return "?";
    return path_of(*node.children[0]) + "." + node.name;
  }

  static bool is_constant(std::string_view name) { return name == "true" || name == "false" || name == "null"; }

  Result<NodePtr> primary() {
    const Lexeme lexeme = look();
    if (lexeme.token == Token::literal || is("-")) return literal();
    if (take("(")) {
      MECHA_TRY(NodePtr node, expression());
      MECHA_TRY_VOID(want(")"));
      return node;
    }
    if (is("[")) return list();
    if (is("{")) return map();
    const bool rooted = is(".") && look(1).token == Token::identifier;
    if (rooted) ++next_;
    if (look().token == Token::identifier && !is("in")) return identifier(rooted);
    return mismatched(kExpected);
  }

  Result<NodePtr> literal() {
    const std::size_t at = look().at;
    const bool negative = take("-");
    const Lexeme& lexeme = look();
    if (lexeme.token != Token::literal) return mismatched(kExpected);
    ++next_;
    NodePtr node = make(Kind::literal);
    node->value = lexeme.value;
    if (lexeme.is_plain_int) {
      const std::uint64_t size = *lexeme.value.get<std::uint64_t>();
      const std::uint64_t limit = std::uint64_t{std::numeric_limits<std::int64_t>::max()} + (negative ? 1 : 0);
      if (size > limit) return wrong(at, "invalid int literal");
      node->value = static_cast<std::int64_t>(negative ? -size : size);
    } else if (const double* number = lexeme.value.get<double>(); negative && number != nullptr) {
      node->value = -*number;
    } else if (negative) {
      NodePtr outer = make(Kind::minus);
      MECHA_TRY_VOID(adopt(*outer, std::move(node)));
      return outer;
    }
    return node;
  }

  Result<NodePtr> list() {
    ++next_;
    NodePtr node = make(Kind::list);
    if (is(",") && is("]", 1)) ++next_;
    while (!is("]")) {
      MECHA_TRY(NodePtr item, expression());
      MECHA_TRY_VOID(adopt(*node, std::move(item)));
      if (!take(",")) break;
    }
    if (!take("]")) return mismatched("expecting {']', ','}");
    return node;
  }

  Result<NodePtr> map() {
    ++next_;
    NodePtr node = make(Kind::map);
    if (is(",") && is("}", 1)) ++next_;
    while (!is("}")) {
      MECHA_TRY(NodePtr key, expression());
      MECHA_TRY_VOID(adopt(*node, std::move(key)));
      MECHA_TRY_VOID(want(":"));
      MECHA_TRY(NodePtr value, expression());
      MECHA_TRY_VOID(adopt(*node, std::move(value)));
      if (!take(",")) break;
    }
    if (!take("}")) return mismatched("expecting {'}', ','}");
    return node;
  }

  Result<NodePtr> identifier(bool rooted) {
    const Lexeme name = look();
    ++next_;
    if (!rooted && is_constant(name.text)) {
      NodePtr node = make(Kind::literal);
      if (name.text != "null") node->value = name.text == "true";
      return node;
    }
    if (std::ranges::find(kReserved, name.text) != kReserved.end() || name.text == "while") {
      return wrong(name.at, "reserved identifier: " + std::string(name.text));
    }
    if (is("(")) return global_call(name);
    const auto local = rooted ? scope_.rend() : std::find(scope_.rbegin(), scope_.rend(), name.text);
    NodePtr node = make(local == scope_.rend() ? Kind::global : Kind::local);
    node->name = name.text;
    if (local != scope_.rend()) node->slot = static_cast<std::size_t>(scope_.rend() - local) - 1;
    return node;
  }

  // --- calls
  Result<std::vector<NodePtr>> arguments() {
    ++next_;
    std::vector<NodePtr> nodes;
    while (!is(")") || !nodes.empty()) {
      MECHA_TRY(NodePtr node, expression());
      nodes.push_back(std::move(node));
      if (!take(",")) break;
    }
    MECHA_TRY_VOID(want(")"));
    return nodes;
  }

  Result<NodePtr> global_call(const Lexeme& name) {
    if (name.text == "has") return has();
    const std::size_t at = look().at;
    MECHA_TRY(std::vector<NodePtr> operands, arguments());
    return finish_call(name.text, at, false, std::move(operands));
  }

  Result<NodePtr> has() {
    ++next_;
    const std::size_t at = look().at;
    MECHA_TRY(NodePtr node, expression());
    MECHA_TRY_VOID(want(")"));
    if (node->kind != Kind::select) return wrong(at, "invalid argument to has() macro");
    node->kind = Kind::has;
    return node;
  }

  Result<NodePtr> member_call(NodePtr receiver, const Lexeme& name) {
    constexpr std::array<std::pair<std::string_view, Macro>, 5> kMacros{{{"all", Macro::all},
                                                                         {"exists", Macro::exists},
                                                                         {"exists_one", Macro::exists_one},
                                                                         {"map", Macro::map},
                                                                         {"filter", Macro::filter}}};
    for (const auto& [text, macro] : kMacros) {
      if (text == name.text) return macro_call(std::move(receiver), macro, name);
    }
    const std::size_t at = look().at;
    MECHA_TRY(std::vector<NodePtr> operands, arguments());
    operands.insert(operands.begin(), std::move(receiver));
    return finish_call(name.text, at, true, std::move(operands));
  }

  // range.all(x, predicate), range.map(x, transform), range.map(x, predicate, transform)
  Result<NodePtr> macro_call(NodePtr range, Macro macro, const Lexeme& name) {
    const std::size_t start = look().at;
    ++next_;
    NodePtr node = make(Kind::macro);
    node->macro = macro;
    node->slot = scope_.size();
    MECHA_TRY_VOID(adopt(*node, std::move(range)));
    const Lexeme variable = look();
    if (variable.token != Token::identifier || is_constant(variable.text) || !is(",", 1)) {
      return wrong(is(".", 1) ? look(1).at : variable.at, "argument must be a simple name");
    }
    next_ += 2;
    scope_.push_back(variable.text);
    MECHA_TRY(NodePtr body, expression());
    MECHA_TRY_VOID(adopt(*node, std::move(body)));
    if (macro == Macro::map && take(",")) {
      MECHA_TRY(NodePtr transform, expression());
      MECHA_TRY_VOID(adopt(*node, std::move(transform)));
    }
    scope_.pop_back();
    if (is(",")) return undeclared(name.text, start);
    MECHA_TRY_VOID(want(")"));
    return node;
  }

  std::unexpected<Error> undeclared(std::string_view name, std::size_t at) const {
    return wrong(at, "undeclared reference to '" + std::string(name) + "' (in container '')");
  }

  // "found no matching overload for 'contains' applied to 'string.(int)'"
  std::unexpected<Error> no_overload(
      std::string_view name, std::size_t at, bool is_member, const std::vector<NodePtr>& operands
  ) const {
    std::string types;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (i == 0 && !is_member) types.append("(");
      if (i > (is_member ? 1U : 0U)) types.append(", ");
      types.append(operands[i]->kind == Kind::literal ? type_name(operands[i]->value.type()) : "dyn");
      if (i == 0 && is_member) types.append(".(");
    }
    if (operands.empty()) types.append("(");
    return wrong(at, "found no matching overload for '" + std::string(name) + "' applied to '" + types + ")'");
  }

  // `at` is the opening parenthesis, where cel-go sees a call.
  Result<NodePtr> finish_call(
      std::string_view name, std::size_t at, bool is_member, std::vector<NodePtr> operands
  ) const {
    const Signature* signature = find_function(name, is_member, operands.size());
    if (signature == nullptr) {
      return is_function(name) ? no_overload(name, at, is_member, operands) : undeclared(name, at);
    }
    NodePtr node = make(Kind::call);
    node->function = signature->function;
    for (auto& operand : operands) MECHA_TRY_VOID(adopt(*node, std::move(operand)));
    if (node->function == Function::matches && node->children[1]->kind == Kind::literal) {
      node->pattern = compile_pattern(node->children[1]->value.text());
    }
    return node;
  }

  std::string_view source_;
  std::vector<Lexeme> lexemes_;
  std::size_t next_ = 0;
  int depth_ = 0;
  std::vector<std::string_view> scope_;  // variables of the macros around, outermost first
};

}  // namespace

Result<std::unique_ptr<Node>> parse(std::string_view source) {
  MECHA_TRY(std::vector<Lexeme> lexemes, tokenize(source));
  return Parser(source, std::move(lexemes)).run();
}

}  // namespace mecha::cel
