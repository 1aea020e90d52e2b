// The part of fmt that is not in its headers, compiled once and into the module: nothing has to be installed with
// it, and no other file pays for it (header-only fmt makes every file that formats a text compile five times as long).
#include <fmt/format-inl.h>

#ifdef FMT_HEADER_ONLY
#error "fmt is to be compiled here alone"
#endif

#if FMT_VERSION < 110000
FMT_BEGIN_NAMESPACE
namespace detail {

template auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>,
                         locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
#endif
